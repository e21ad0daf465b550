//go:build unix

package pgtemp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// watch waits for the end of its standard input. Our end of that pipe closes
// when we die, in whatever way, and so the watcher then ends the server and
// removes the folder given as $1. A second line means the server was stopped in
// order. A parent-death signal would do the same on Linux only, and is bound to
// the life of the thread that started the server.
const watch = `
read -r pid || exit 0
read -r stopped && exit 0
kill -QUIT "$pid" 2>/dev/null
n=0
while kill -0 "$pid" 2>/dev/null && [ "$n" -lt 10 ]; do sleep 1; n=$((n+1)); done
[ -n "$1" ] && rm -rf -- "$1"
exit 0`

// guard ends the server when this process dies without stopping it.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// newGuard starts the watcher. remove is the folder to remove after a death of
// this process, or empty.
func newGuard(who *account, remove string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", watch, "faultwire-postgres-watch", remove)
	cmd.Dir = "/"
	who.detach(cmd)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the server's watcher: %w", err)
	}
	if err := cmd.Start(); err != nil {
		_ = pipe.Close()
		return nil, fmt.Errorf("start the server's watcher: %w", err)
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// protect tells the watcher which process to end.
func (g *guard) protect(p *os.Process) error {
	if _, err := fmt.Fprintln(g.pipe, p.Pid); err != nil {
		return fmt.Errorf("tell the server's watcher: %w", err)
	}
	return nil
}

// release ends the watcher without touching the server: its process id may
// belong to somebody else by now.
func (g *guard) release() {
	_, _ = io.WriteString(g.pipe, "0\nstopped\n")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}

// signal asks the server to stop, in the way of pg_ctl stop -m.
func signal(_ installation, p *os.Process, mode StopMode) error {
	sig := syscall.SIGINT
	if mode == Immediate {
		sig = syscall.SIGQUIT
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}
