package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// output collects what a program writes from several goroutines.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// running is a program under test.
type running struct {
	stdout, stderr *output
	addr           chan string
	code           chan int
}

func start(ctx context.Context, spec Spec, args, environ []string) running {
	r := running{stdout: &output{}, stderr: &output{}, addr: make(chan string, 1), code: make(chan int, 1)}
	p := process{
		spec: spec, args: args, environ: append([]string{"HOME=/", "FAULTWIRE_HTTP_ADDR=127.0.0.1:0"}, environ...), stdout: r.stdout, stderr: r.stderr,
		patience: 2 * time.Second, started: func(s *telemetry.Server) { r.addr <- s.Addr() },
	}
	go func() { r.code <- p.main(ctx) }()
	return r
}

func natsURL(t *testing.T) string {
	t.Helper()
	broker, _ := testkit.Broker(t, testkit.WithListener())
	url, err := broker.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	return "FAULTWIRE_NATS_URL=" + url
}

func TestMainRunsAService(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := make(chan Env, 1)
	spec := Spec{Name: "ingest", Version: "1.2.3", New: func(s config.Settings, e Env) (lifecycle.Service, error) {
		if s.Output.Dir != "/data" {
			return nil, fmt.Errorf("output.dir is %s", s.Output.Dir)
		}
		return lifecycle.ServiceFunc(func(ctx context.Context) error {
			begun <- e
			<-ctx.Done()
			if e.Conn.IsClosed() {
				return errors.New("the connection is closed before the service has ended")
			}
			return nil
		}), nil
	}}
	r := start(ctx, spec, []string{"--output-dir", "/data"}, []string{natsURL(t)})
	addr := <-r.addr
	var env Env
	select {
	case env = <-begun:
	case code := <-r.code:
		t.Fatalf("ended with %d: %s", code, r.stderr)
	}
	if env.Store.Epoch == "" || env.Store.State == nil || env.Log == nil || env.Conn.Opts.Name != "ingest" {
		t.Errorf("env: %+v", env)
	}
	if err := AskReady(t.Context(), addr); err != nil {
		t.Error(err)
	}
	if code := <-start(t.Context(), spec, []string{"--ready"}, []string{"FAULTWIRE_HTTP_ADDR=" + addr}).code; code != ExitOK {
		t.Errorf("--ready: exit %d", code)
	}
	if text := get(t, "http://"+addr+"/metrics"); !strings.Contains(text, `faultwire_build_info{`) || !strings.Contains(text, `version="1.2.3"`) {
		t.Error("no build info on /metrics")
	}
	cancel()
	if code := <-r.code; code != ExitOK {
		t.Errorf("exit %d: %s", code, r.stderr)
	}
	if !env.Conn.IsClosed() {
		t.Error("the connection stays open")
	}
	other := start(t.Context(), spec, []string{"--ready"}, []string{"FAULTWIRE_HTTP_ADDR=" + addr})
	if code := <-other.code; code != ExitFailed || !strings.Contains(other.stderr.String(), "is the program running with this http.addr?") {
		t.Errorf("--ready without a program: exit %d: %s", code, other.stderr)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What ends a program before or while it runs: exit code and what is said.
func TestMainEnds(t *testing.T) {
	t.Parallel()
	nats := natsURL(t)
	service := func(err error) func(config.Settings, Env) (lifecycle.Service, error) {
		return func(config.Settings, Env) (lifecycle.Service, error) {
			return lifecycle.ServiceFunc(func(context.Context) error { return err }), nil
		}
	}
	refusing := func(err error) func(config.Settings, Env) (lifecycle.Service, error) {
		return func(config.Settings, Env) (lifecycle.Service, error) { return nil, err }
	}
	for _, c := range []struct {
		name    string
		spec    Spec
		args    []string
		environ []string
		code    int
		says    string // the end of stderr
		prints  string // part of stdout
	}{
		{"version", Spec{Version: "v9"}, []string{"--version"}, nil, ExitOK, "", "x v9\n"},
		{"help", Spec{About: "Does things."}, []string{"--help"}, nil, ExitOK, "", "FAULTWIRE_ANALYZER_WINDOW"},
		{"unknown flag", Spec{}, []string{"--confg", "x"}, nil, ExitUsage, "flag provided but not defined: -confg; x --help lists the flags\n", ""},
		{"argument", Spec{}, []string{"run"}, nil, ExitUsage, "\"run\": x takes flags only; x --help lists them\n", ""},
		{"no NATS", Spec{}, nil, nil, ExitUsage, "nats.url: empty: set it (FAULTWIRE_NATS_URL) to a NATS server with JetStream, such as nats://localhost:4222, or run `faultwire run`, which brings its own\n", ""},
		{"two faults", Spec{}, nil, []string{nats, "FAULTWIRE_NATS_REPLICAS=9", "FAULTWIRE_LLM_TIMEOUT=0"}, ExitUsage, "FAULTWIRE_NATS_REPLICAS: nats.replicas: found 9: wanted 1 to 5\nFAULTWIRE_LLM_TIMEOUT: llm.timeout: found 0s: wanted more than 0, such as 300s\n", ""},
		{"no server", Spec{}, nil, []string{"FAULTWIRE_NATS_URL=nats://127.0.0.1:1"}, ExitFailed, "nats.url: nats://127.0.0.1:1: no NATS server answers after 2s of tries: dial tcp 127.0.0.1:1: connect: connection refused; start it, or correct nats.url (FAULTWIRE_NATS_URL)\n", ""},
		{"address", Spec{}, nil, []string{nats, "FAULTWIRE_HTTP_ADDR=192.0.2.1:9464"}, ExitFailed, "choose another address, or end the program that has it\n", ""},
		{"settings the service refuses", Spec{New: refusing(config.Faults{{Path: "output.dir", Message: "no"}, {Path: "output.max_rows", Message: "no"}})}, nil, []string{nats}, ExitUsage, "\noutput.dir: no\noutput.max_rows: no\n", ""},
		{"use the service refuses", Spec{New: refusing(Usage(errors.New("ingest.mode: the database can't stream")))}, nil, []string{nats}, ExitUsage, "\ningest.mode: the database can't stream\n", ""},
		{"failure", Spec{New: service(errors.New("output.dir: disk full"))}, nil, []string{nats}, ExitFailed, "\noutput.dir: disk full\n", ""},
		{"verbose", Spec{New: service(fmt.Errorf("output.dir: %w", io.ErrShortWrite))}, []string{"--verbose"}, []string{nats}, ExitFailed, "\noutput.dir: short write\n  because: short write (*errors.errorString)\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.spec.Name = "x"
			r := start(t.Context(), c.spec, c.args, c.environ)
			if code := <-r.code; code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if got := r.stderr.String(); !strings.HasSuffix(got, c.says) || c.says == "" && got != "" {
				t.Errorf("stderr:\n%s\nwant at its end:\n%s", got, c.says)
			}
			if got := r.stdout.String(); !strings.Contains(got, c.prints) {
				t.Errorf("stdout:\n%s\nwant in it:\n%s", got, c.prints)
			}
		})
	}
}

// A program that waits for its server answers probes, and a signal ends it with 0.
func TestMainIsStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := start(ctx, Spec{Name: "x"}, nil, []string{"FAULTWIRE_NATS_URL=nats://u:hunter2@127.0.0.1:1"})
	addr := <-r.addr
	if text := get(t, "http://"+addr+"/healthz"); text != "ok\n" {
		t.Errorf("/healthz: %q", text)
	}
	err := AskReady(t.Context(), addr)
	if !errors.Is(err, errNotReady) || !strings.Contains(err.Error(), "connecting to nats.url nats://***@127.0.0.1:1") {
		t.Errorf("/readyz: %v", err)
	}
	cancel()
	if code := <-r.code; code != ExitOK {
		t.Errorf("exit %d: %s", code, r.stderr)
	}
	if strings.Contains(r.stderr.String(), "hunter2") {
		t.Error("a password is logged")
	}
}

func TestAskReadyAddresses(t *testing.T) {
	t.Parallel()
	server, err := telemetry.Listen("127.0.0.1:0", telemetry.NewRegistry("x"), telemetry.NewReadiness())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	_, port, _ := strings.Cut(server.Addr(), ":")
	for _, addr := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port} {
		if err := AskReady(t.Context(), addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := AskReady(t.Context(), "nonsense"); ExitCode(err) != ExitUsage {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
