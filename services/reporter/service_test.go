package reporter_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter"
)

const wait = 30 * time.Second

// instance is a reporter with a registry of its own.
type instance struct {
	registry *prometheus.Registry
	ready    *telemetry.Readiness
	stop     func() error
}

func start(t *testing.T, store topology.Store, c reporter.Config) *instance {
	t.Helper()
	i := &instance{registry: telemetry.NewRegistry("test"), ready: telemetry.NewReadiness()}
	service, err := reporter.New(c, reporter.Deps{Store: store, Log: testkit.Logger(t), Registerer: i.registry, Ready: i.ready})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	i.stop = func() error {
		cancel()
		return <-done
	}
	return i
}

func (i *instance) exports(t *testing.T, name string) bool {
	t.Helper()
	n, err := testutil.GatherAndCount(i.registry, name)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func (i *instance) readiness(t *testing.T) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	i.ready.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	return w.Code, w.Body.String()
}

func settings(t *testing.T) reporter.Config {
	t.Helper()
	c := reporter.Default()
	c.Output.Dir = filepath.Join(t.TempDir(), "output")
	return c
}

// TestOneIsActive: a standby exports no metric of the log and takes over at once
// when the active one ends.
func TestOneIsActive(t *testing.T) {
	t.Parallel()
	store, c := testkit.Store(t), settings(t)
	if err := oneFailure(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	first := start(t, store, c)
	testkit.Eventually(t, wait, "the first counts", func() bool { return first.exports(t, "faultwire_failures_total") })
	testkit.Eventually(t, wait, "the first writes", func() bool { return first.exports(t, "faultwire_report_last_success_timestamp_seconds") })
	second := start(t, store, c)
	for _, name := range []string{"faultwire_failures_total", "faultwire_report_last_success_timestamp_seconds", "faultwire_reports_total", "faultwire_report_delay_seconds", "faultwire_log_entries"} {
		if second.exports(t, name) {
			t.Errorf("a standby exports %s", name)
		}
	}
	if code, text := second.readiness(t); code != http.StatusOK {
		t.Errorf("a standby is not ready: %s", text)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, wait, "the second counts", func() bool { return second.exports(t, "faultwire_failures_total") })
	testkit.Eventually(t, wait, "it knows the last report", func() bool { return second.exports(t, "faultwire_report_last_success_timestamp_seconds") })
	problems, err := testutil.GatherAndLint(second.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "faultwire_") {
			t.Errorf("promlint: %s: %s", p.Metric, p.Text)
		}
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.Alone = true
	i := start(t, testkit.Store(t), c)
	if code, text := i.readiness(t); code != http.StatusOK || text != "reporter: ok\n" {
		t.Errorf("%d %s", code, text)
	}
	if err := os.RemoveAll(c.Output.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Output.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := i.readiness(t); code != http.StatusServiceUnavailable || !strings.Contains(text, "output.dir: "+c.Output.Dir+": not a directory") {
		t.Errorf("%d %s", code, text)
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestFolderComesBack: reports that can't be written are written when they can.
func TestFolderComesBack(t *testing.T) {
	t.Parallel()
	store, c := testkit.Store(t), settings(t)
	c.Alone = true
	i := start(t, store, c)
	if err := os.RemoveAll(c.Output.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Output.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := oneFailure(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, wait, "an attempt fails", func() bool { return i.exports(t, "faultwire_reports_total") })
	if err := os.Remove(c.Output.Dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	o, err := awaitOutcome(ctx, store)
	if err != nil || len(o.Files) != 4 {
		t.Errorf("outcome %+v, %v", o, err)
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := settings(t)
	bad.Output.MaxRows, bad.LLM.Enabled, bad.LLM.Timeout = -1, true, 0
	noFolder := settings(t)
	noFolder.Output.Dir = file
	for _, test := range []struct {
		config reporter.Config
		want   []string
	}{
		{bad, []string{"output.max_rows: -1", "llm.timeout: 0s"}},
		{noFolder, []string{"output.dir: " + file + ": not a directory", "set output.dir (FAULTWIRE_OUTPUT_DIR)"}},
	} {
		_, err := reporter.New(test.config, reporter.Deps{Log: testkit.Logger(t), Registerer: prometheus.NewRegistry(), Ready: telemetry.NewReadiness()})
		if err == nil {
			t.Errorf("%+v: no error", test.config)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q lacks %q", err, part)
			}
		}
	}
	if err := reporter.CheckOutput(file); err == nil {
		t.Error("CheckOutput takes a file")
	}
}
