//go:build unix

package program

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// The first signal ends the context, another one the process.
func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), asChild+"=1")
			stdin, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			says := bufio.NewScanner(stdout)
			if !says.Scan() || says.Text() != "started" {
				t.Fatalf("the child says %q", says.Text())
			}
			if err := child.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if !says.Scan() || says.Text() != "stopping" {
				t.Fatalf("after a signal the child says %q", says.Text())
			}
			ended := make(chan error, 1)
			go func() { ended <- child.Wait() }()
			again := time.NewTicker(50 * time.Millisecond) // the handler is taken away just after the context has ended
			defer again.Stop()
			for {
				select {
				case err := <-ended:
					var exit *exec.ExitError
					if !errors.As(err, &exit) {
						t.Fatalf("the child ended with %v", err)
					}
					if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != signal {
						t.Errorf("the child ended with %v, not by %v", err, signal)
					}
					return
				case <-again.C:
					if err := child.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
