package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/telemetry"
)

// serve runs a server until the test ends, and returns a function that gets a path.
func serve(t *testing.T, r *telemetry.Readiness) func(path string) (int, string) {
	t.Helper()
	s, err := telemetry.Listen("127.0.0.1:0", telemetry.NewRegistry("test"), r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	get := serve(t, telemetry.NewReadiness())
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/metrics":      {200, `faultwire_build_info{goversion="go`},
		"/healthz":      {200, "ok\n"},
		"/readyz":       {200, ""},
		"/":             {404, ""},
		"/debug/pprof/": {404, ""},
	} {
		status, body := get(path)
		if status != want.status || !strings.Contains(body, want.text) {
			t.Errorf("GET %s: %d %q, want %d with %q", path, status, body, want.status, want.text)
		}
	}
}

func TestReadinessNamesEachCheck(t *testing.T) {
	t.Parallel()
	r := telemetry.NewReadiness()
	get := serve(t, r)
	r.Add("ingest", func(context.Context) error { return nil })
	if status, body := get("/readyz"); status != 200 || body != "ingest: ok\n" {
		t.Errorf("%d %q", status, body)
	}
	r.Add("planner", func(context.Context) error { return errors.New("behind by\n12,000 entries") })
	r.Add("reporter", func(context.Context) error { return nil })
	want := "ingest: ok\nplanner: behind by 12,000 entries\nreporter: ok\n"
	if status, body := get("/readyz"); status != 503 || body != want {
		t.Errorf("%d %q, want 503 %q", status, body, want)
	}
	if status, _ := get("/healthz"); status != 200 {
		t.Errorf("/healthz: %d, the process is alive", status)
	}
}

// A check that hangs is an answer too.
func TestReadinessTimeout(t *testing.T) {
	t.Parallel()
	r := telemetry.NewReadiness()
	released := make(chan struct{})
	r.Add("deaf", func(context.Context) error { <-released; return nil })
	r.Add("obedient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	get := serve(t, r)
	status, body := get("/readyz")
	close(released)
	if status != 503 || !strings.HasPrefix(body, "deaf: no answer within 3 s\nobedient: ") {
		t.Errorf("%d %q", status, body)
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	first, err := telemetry.Listen("127.0.0.1:0", telemetry.NewRegistry("test"), telemetry.NewReadiness())
	if err != nil {
		t.Fatal(err)
	}
	_, err = telemetry.Listen(first.Addr(), telemetry.NewRegistry("test"), telemetry.NewReadiness())
	if err == nil || !strings.HasPrefix(err.Error(), "http.addr (FAULTWIRE_HTTP_ADDR): listen tcp "+first.Addr()) {
		t.Errorf("second on the same address: %v", err)
	}
	if _, err := telemetry.Listen("", telemetry.NewRegistry("test"), telemetry.NewReadiness()); !errors.Is(err, telemetry.ErrNoAddress) {
		t.Errorf("empty address: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	third, err := telemetry.Listen(first.Addr(), telemetry.NewRegistry("test"), telemetry.NewReadiness())
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	third.Close()
}
