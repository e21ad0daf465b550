package pgtemp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	startTimeout = 60 * time.Second // crash recovery of a test's data included
	killTimeout  = 10 * time.Second // from an immediate stop to SIGKILL
	portTries    = 5
	readyPoll    = 10 * time.Millisecond
)

// errPortTaken: somebody took the port between our look and the server's bind.
var errPortTaken = errors.New("the port was taken")

// process is one life of the server's first process.
type process struct {
	cmd   *exec.Cmd
	guard *guard
	done  chan struct{} // closed when it has ended and was reaped
}

// start brings the server up, on the port it had before if it had one. The
// caller holds s.mu, or is Start.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("PostgreSQL %s was not ready after %s, see %s", s.install.version, startTimeout, s.LogFile()))
	defer cancel()
	if s.port != 0 {
		return s.startOn(ctx, s.port)
	}
	var err error
	for range portTries {
		port := 0
		if port, err = freePort(ctx); err != nil {
			return err
		}
		if err = s.startOn(ctx, port); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return err
}

func (s *Server) startOn(ctx context.Context, port int) error {
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	run, err := s.launch(log, port)
	if err != nil {
		return err
	}
	if err := s.awaitReady(ctx, run); err != nil {
		run.kill(s.install)
		lines := readTail(s.LogFile(), from)
		if strings.Contains(lines, "could not bind") {
			err = errPortTaken
		}
		return fmt.Errorf("start PostgreSQL %s on 127.0.0.1:%d: %w\n%s", s.install.version, port, err, lines)
	}
	s.run, s.port = run, port
	return nil
}

// launch starts the server's process and its guard.
func (s *Server) launch(log *os.File, port int) (*process, error) {
	remove := ""
	if s.ownDir {
		remove = s.dir
	}
	g, err := newGuard(s.who, remove)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(s.install.path("postgres"), "-D", s.data(), "-p", strconv.Itoa(port))
	cmd.Dir = s.dir
	cmd.Env = environment(s.dir)
	cmd.Stdout, cmd.Stderr = log, log
	s.who.detach(cmd)
	if err := cmd.Start(); err != nil {
		g.release()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	run := &process{cmd: cmd, guard: g, done: make(chan struct{})}
	protectErr := g.protect(cmd.Process)
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		g.release()
		close(run.done)
	}()
	if protectErr != nil {
		run.kill(s.install)
		return nil, protectErr
	}
	return run, nil
}

// awaitReady waits until the server says in its pid file that it takes
// connections. A connection would tell less: on a taken port it may be somebody
// else's server that answers.
func (s *Server) awaitReady(ctx context.Context, run *process) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		select {
		case <-run.done:
			return errors.New("it ended while starting")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if isReady(filepath.Join(s.data(), "postmaster.pid"), run.cmd.Process.Pid) {
				return nil
			}
		}
	}
}

// isReady reads a postmaster.pid (miscadmin.h): line 1 is the process id, line 8
// the status, "ready", or "standby" of a standby that takes connections.
func isReady(path string, pid int) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 8 || strings.TrimSpace(lines[0]) != strconv.Itoa(pid) {
		return false
	}
	status := strings.TrimSpace(lines[7])
	return status == "ready" || status == "standby"
}

func (p *process) stop(ctx context.Context, i installation, mode StopMode) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := signal(i, p.cmd.Process, mode); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the server to stop: %w", context.Cause(ctx))
	}
}

// kill ends the process for certain.
func (p *process) kill(i installation) {
	timer := time.NewTimer(killTimeout)
	defer timer.Stop()
	_ = signal(i, p.cmd.Process, Immediate)
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// freePort looks below the range that systems hand out to clients (from 32768
// on Linux, 49152 elsewhere), so that the port is still free at a Restart.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	var last error
	for range 100 {
		port := 15000 + rand.IntN(17000)
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			last = err
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", last)
}

// environment keeps the caller's PG* variables away from the server and gives
// it an English log.
func environment(home string) []string {
	env := []string{}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C", "TZ=UTC", "HOME="+home)
}

// readTail returns the last lines of a log from an offset on.
func readTail(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return ""
	}
	const keep = 8
	var lines []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if lines = append(lines, "  "+sc.Text()); len(lines) > keep {
			lines = lines[1:]
		}
	}
	return strings.Join(lines, "\n")
}
