package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// stack is docker-compose.yml, up.
type stack struct {
	t       *testing.T
	ctx     context.Context
	engine  *engine
	project string
	output  string // the folder of the reports on this machine

	prometheus string // its URL
}

// up builds the image and starts all services, with short periods. At the end of
// the test nothing of it is left.
func up(ctx context.Context, t *testing.T) *stack {
	t.Helper()
	project := fmt.Sprintf("faultwire-e2e-%d", os.Getpid())
	image := "faultwire-e2e:" + project
	s := &stack{t: t, ctx: ctx, project: project, output: filepath.Join(t.TempDir(), "output")} // Docker makes the folder
	s.engine = startEngine(ctx, t,
		"FAULTWIRE_OUTPUT="+s.output, "FAULTWIRE_IMAGE="+image, "PROMETHEUS_PORT=0",
		"FAULTWIRE_ANALYZER_WINDOW=1s", "FAULTWIRE_REPORT_EVERY=5s", "POSTGRES_PASSWORD="+password)
	t.Cleanup(func() {
		s.engine.last(t, s.engine.compose, s.args("down", "-v", "--timeout", "10")...)
		s.engine.last(t, "docker", "image", "rm", image)
	})
	s.compose("build")
	s.compose("up", "-d", "--wait", "--wait-timeout", "180")
	s.prometheus = "http://" + s.address("prometheus") + ":9090"
	return s
}

// password has what a URL would need to escape.
const password = `p@ss:w/rd?#%&'"`

func (s *stack) args(more ...string) []string {
	// Not the .env of whoever runs the test.
	return append([]string{"--env-file", os.DevNull, "-f", filepath.Join(root(s.t), "docker-compose.yml"), "-p", s.project}, more...)
}

func (s *stack) compose(args ...string) {
	s.t.Helper()
	if _, err := s.engine.run(s.ctx, s.engine.compose, s.args(args...)...); err != nil {
		logs, _ := s.engine.run(s.ctx, s.engine.compose, s.args("logs", "--no-color", "--tail", "40")...)
		s.t.Fatalf("%v\n%s", err, logs)
	}
}

// inspect asks for one figure of a service's container.
func (s *stack) inspect(service, format string) string {
	s.t.Helper()
	return strings.TrimSpace(s.engine.must(s.ctx, s.t, "docker", "inspect", "-f", format, s.container(service)))
}

func (s *stack) container(service string) string { return s.project + "-" + service + "-1" }

// address is where a service can be reached from this machine, published or not.
func (s *stack) address(service string) string {
	s.t.Helper()
	return s.inspect(service, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
}

// process is the service's program, as a process of this machine: the child of the
// container's init.
func (s *stack) process(service string) (pid string) {
	s.t.Helper()
	parent := s.inspect(service, "{{.State.Pid}}")
	children, err := os.ReadFile("/proc/" + parent + "/task/" + parent + "/children")
	if err != nil {
		s.t.Fatal(err)
	}
	all := strings.Fields(string(children))
	if len(all) == 0 {
		s.t.Fatalf("%s has no process", service)
	}
	return all[0] // others are health checks
}

// crash ends a service as a crash would, and waits until it is healthy again.
// (docker kill would count as a stop by hand, and nothing would start it again.)
func (s *stack) crash(service string) {
	s.t.Helper()
	const state = "{{.State.Health.Status}} {{.State.StartedAt}}"
	_, before, _ := strings.Cut(s.inspect(service, state), " ")
	if os.Geteuid() != 0 {
		s.t.Logf("not root: %s is restarted without notice, by Docker", service)
		s.engine.must(s.ctx, s.t, "docker", "restart", "--time", "0", s.container(service))
	} else {
		var pid int
		if _, err := fmt.Sscan(s.process(service), &pid); err != nil {
			s.t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			s.t.Fatalf("kill %s: %v", service, err)
		}
	}
	testkit.Eventually(s.t, patience, service+" is back and healthy", func() bool {
		health, since, _ := strings.Cut(s.inspect(service, state), " ")
		return health == "healthy" && since != before
	})
}
