package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopTimeout is what an orderly stop may take: 10 s, and a slow machine.
const stopTimeout = 20 * time.Second

// process is a program that runs.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{} // closed when it has ended
}

// output collects what a program writes and wakes who waits for it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed and replaced with every write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// snapshot returns the text and a channel that is closed when there is more.
func (o *output) snapshot() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

// start runs a program with these variables and nothing else of our environment
// than what programs need. It is killed at the end of the test at the latest.
func start(t testing.TB, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program(t, name), args...), done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.cmd.Dir, "TZ=UTC"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s\nstdout:\n%s\nstderr:\n%s", name, strings.Join(args, " "), tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return p
}

// tail is the end of a text.
func tail(text string) string {
	const most = 8 << 10
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// kill ends it as `kill -9` does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop asks it to end and returns its exit code.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	return p.wait(stopTimeout)
}

// wait waits for its end and returns its exit code. A data race that it found is
// the test's failure.
func (p *process) wait(timeout time.Duration) int {
	p.t.Helper()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // the stacks say where it hangs
		<-p.done
		p.t.Fatalf("%s does not end within %s", p.cmd.Path, timeout)
	}
	if strings.Contains(p.stderr.String(), "WARNING: DATA RACE") {
		p.t.Errorf("%s found a data race", p.cmd.Path)
	}
	return p.cmd.ProcessState.ExitCode()
}

// expect waits until stdout matches and returns the first group.
func (p *process) expect(timeout time.Duration, pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		text, more := p.stdout.snapshot()
		if m := re.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-more:
		case <-p.done:
			if m := re.FindStringSubmatch(p.stdout.String()); m != nil {
				return m[len(m)-1]
			}
			p.t.Fatalf("ended (%v) without printing %s", p.cmd.ProcessState, pattern)
		case <-timer.C:
			p.t.Fatalf("did not print %s within %s", pattern, timeout)
		}
	}
}

// run runs a program to its end.
func run(t testing.TB, timeout time.Duration, name string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, name, env, args...)
	code = p.wait(timeout)
	return code, p.stdout.String(), p.stderr.String()
}

// pause waits for a random moment to come, on purpose: nothing tells it.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait %s: %w", d, context.Cause(ctx))
	}
}
