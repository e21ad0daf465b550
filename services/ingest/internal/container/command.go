package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
)

// dialCommand lets the docker command connect to its engine: `docker system
// dial-stdio` passes the API through, which is how the command itself works over
// ssh.
func dialCommand(ctx context.Context, getenv func(string) string) (net.Conn, error) {
	path, err := exec.LookPath("docker")
	if err != nil {
		return nil, &Error{
			Problem: "Docker is behind a context, ssh:// or a named pipe, which only the docker command can follow, and it is not in PATH", Permanent: true, Cause: err,
			Remedy: "Install the docker command, set DOCKER_HOST to unix:///path or tcp://host:port, or set postgres.url instead",
		}
	}
	// The connection outlives the dial: Close ends the command.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "system", "dial-stdio")
	cmd.Env = cmd.Environ()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"} {
		if value := getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return startCommand(cmd)
}

// commandConn is a connection to a command's stdin and stdout. A pipe between
// gives it deadlines on every system.
type commandConn struct {
	net.Conn
	end func() error
}

func startCommand(cmd *exec.Cmd) (net.Conn, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the docker command: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the docker command: %w", err)
	}
	complaints := &tail{}
	cmd.Stderr = complaints
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the docker command: %w", err)
	}
	ours, theirs := net.Pipe()
	var copies sync.WaitGroup
	copies.Go(func() {
		_, _ = io.Copy(stdin, theirs) // its end is the connection's
		_ = stdin.Close()
	})
	copies.Go(func() {
		_, _ = io.Copy(theirs, stdout)
		_ = theirs.Close()
	})
	return &commandConn{Conn: said{ours, complaints}, end: sync.OnceValue(func() error {
		_ = ours.Close()
		_ = cmd.Process.Kill()
		copies.Wait()
		_ = cmd.Wait() // killed: its exit code says nothing
		return nil
	})}, nil
}

// Close ends the command and waits for it.
func (c *commandConn) Close() error { return c.end() }

// said adds what the command complained of to the end of its output.
type said struct {
	net.Conn
	complaints *tail
}

func (s said) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		err = s.complaints.explain(err)
	}
	return n, err
}
