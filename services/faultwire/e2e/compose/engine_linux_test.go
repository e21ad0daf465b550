package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine and a Compose v2 for this test.
type engine struct {
	compose string   // path of the program
	environ []string // of all commands
}

const (
	stopTimeout = 2 * time.Minute
	killDelay   = 10 * time.Second
)

// startEngine skips the test where no engine can be had. An engine that runs is
// used and left running; one that is started here is stopped at the end. environ
// is added to the environment.
func startEngine(ctx context.Context, t *testing.T, environ ...string) *engine {
	t.Helper()
	standins := filepath.Join(root(t), "..", "shared", "docker-standins")
	if _, err := os.Stat(filepath.Join(standins, "make-all.sh")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("../shared/docker-standins is not here: the images of docker-compose.yml are not fetched for a test") //nolint:forbidigo // Docker is absent
	}
	e := &engine{environ: append(cleanEnvironment(), environ...)}
	if _, err := e.run(ctx, "docker", "version"); err != nil {
		if os.Geteuid() != 0 {
			t.Skip("no Docker engine answers, and only root can start one") //nolint:forbidigo // Docker is absent
		}
		script := filepath.Join(standins, "engine.sh")
		t.Cleanup(func() { // what it started, if it did
			e.last(t, script, "down")
		})
		if out, err := e.run(ctx, script, "up"); err != nil {
			t.Skipf("no Docker engine runs, and none can be started: %v\n%s", err, out) //nolint:forbidigo // Docker is absent
		}
	}
	e.compose = strings.TrimSpace(e.must(ctx, t, filepath.Join(standins, "engine.sh"), "compose"))
	began := time.Now()
	e.must(ctx, t, filepath.Join(standins, "make-all.sh"), filepath.Join(root(t), "docker-compose.yml"))
	t.Logf("images that can't be pulled: there after %s", time.Since(began).Round(time.Second))
	return e
}

// cleanEnvironment is ours without what docker-compose.yml and the programs would
// take from it.
func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "FAULTWIRE_") || strings.HasPrefix(name, "COMPOSE_") ||
			slices.Contains([]string{"DATABASE_URL", "POSTGRES_PASSWORD", "PROMETHEUS_PORT", "VERSION", "TZ"}, name)
	})
}

// run returns what a command printed on stdout, and with an error also the end of
// its stderr. When ctx ends, all that it started is killed.
func (e *engine) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &complaints, e.environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	if err := cmd.Run(); err != nil {
		text := complaints.String()
		return out.String(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, text[max(0, len(text)-4000):])
	}
	return out.String(), nil
}

func (e *engine) must(ctx context.Context, t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := e.run(ctx, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// last is for the end of a test, when its context is no more.
func (e *engine) last(t testing.TB, program string, args ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if _, err := e.run(ctx, program, args...); err != nil {
		t.Error(err)
	}
}
