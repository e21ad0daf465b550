package analyzer_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer"
)

// check compares all that the analyzer stored of the live log with what an
// uninterrupted one stores.
func (h *house) check() {
	h.t.Helper()
	windows, periods := h.planned()
	if len(windows) == 0 || len(periods) == 0 {
		h.t.Fatal("the log closes nothing")
	}
	if diff := gocmp.Diff(windows, read[event.Window](h, topology.Windows, topology.WindowsSubject(event.RunLive, h.Epoch), len(windows))); diff != "" {
		h.t.Errorf("windows (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(periods, read[event.Period](h, topology.Periods, topology.PeriodsSubject(event.RunLive, h.Epoch), len(periods))); diff != "" {
		h.t.Errorf("periods (-want +got):\n%s", diff)
	}
	got := read[event.Analysis](h, topology.Analyses, "analyses.live.>", len(windows))
	slices.SortFunc(got, func(a, b event.Analysis) int { return a.Window.Start.Compare(b.Window.Start) })
	for i, w := range windows {
		if diff := gocmp.Diff(h.analysis(w), got[i]); diff != "" {
			h.t.Errorf("analysis of %s (-want +got):\n%s", w.Start, diff)
		}
	}
}

// explanations waits for those of the six kinds there are.
func (h *house) explanations() {
	h.t.Helper()
	read[event.KindRequest](h, topology.Kinds, topology.AllKinds, 6)
	got := read[event.Explanation](h, topology.Explanations, topology.AllExplanations, 6)
	slices.SortFunc(got, func(a, b event.Explanation) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	if got[3].Fingerprint != "f1-kind3" || got[3].Hypothesis != "because of kind3" {
		h.t.Errorf("explanation %+v", got[3])
	}
}

func withLLM(c *analyzer.Config, url string) {
	c.LLM = config.LLM{Enabled: true, URL: url, Model: "m", Timeout: time.Minute, CallsPerHour: 1000, CallsPerDay: 1000}
}

func TestLiveLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	withLLM(&h.config, newLLM(t).URL)
	s, registry, ready := h.service()
	h.start(s)
	h.write(0, 150)
	h.write(400, 60)
	h.write(1000, 1)
	h.check()
	h.explanations()
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("metric %s: %s", p.Metric, p.Text)
	}
	testkit.Eventually(t, patience, "ready", func() bool {
		answer := httptest.NewRecorder()
		ready.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
		return answer.Code == http.StatusOK && answer.Body.String() == "analyzer: ok\n"
	})
}

// TestRestarts stops and starts two analyzers, in turn, at whatever they are doing,
// while the log grows.
func TestRestarts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	withLLM(&h.config, newLLM(t).URL)
	var stops [2]func()
	for i := range stops {
		s, _, _ := h.service()
		stops[i] = h.start(s)
	}
	for round := range 10 {
		h.write(40*round, 30)
		stops[round%2]()
		h.write(40*round+30, 5)
		s, _, _ := h.service()
		stops[round%2] = h.start(s)
	}
	h.write(1000, 1)
	h.check()
	h.explanations()
}

// TestBrokerRestarts stops and starts the broker under a running analyzer.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, _ := testkit.Broker(t, testkit.WithListener(), testkit.WithStoreDir(dir))
	address, err := server.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(address, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	h := houseOn(t, conn)
	withLLM(&h.config, newLLM(t).URL)
	s, _, _ := h.service()
	h.start(s)
	back := conn.StatusChanged(nats.CONNECTED)
	for round := range 3 {
		h.write(40*round, 30)
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		server, _ = testkit.Broker(t, testkit.WithStoreDir(dir), func(c *broker.Config) { c.Listen = strings.TrimPrefix(address, "nats://") })
		select {
		case <-back:
		case <-time.After(patience):
			t.Fatal("the connection doesn't come back")
		}
	}
	h.write(1000, 1)
	h.check()
	h.explanations()
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, noLLM := range map[string]bool{"with the LLM": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			withLLM(&h.config, newLLM(t).URL)
			for range 2 { // any number may run
				s, _, _ := h.service()
				h.start(s)
			}
			h.replay("r-1", 40, noLLM)
			h.replay("r-2", 0, noLLM)
			read[event.Period](h, topology.Periods, topology.PeriodsSubject("r-2", h.Epoch), 1)
			w := read[event.Window](h, topology.Windows, topology.AllWindows, 1)[0]
			p := read[event.Period](h, topology.Periods, topology.PeriodsSubject("r-1", h.Epoch), 1)[0]
			if w.Run != "r-1" || w.N != 40 || p.N != 40 || !p.First.Equal(w.Start) {
				t.Errorf("window %+v, period %+v", w, p)
			}
			a := read[event.Analysis](h, topology.Analyses, topology.AllAnalyses, 1)[0]
			if a.Scanned != 40 || a.Failed != "" {
				t.Errorf("analysis %+v", a)
			}
			if noLLM {
				read[event.KindRequest](h, topology.Kinds, topology.AllKinds, 0)
				return
			}
			h.explanations()
		})
	}
}

func TestLLMOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s, registry, _ := h.service()
	h.start(s)
	h.write(0, 150)
	h.check()
	read[event.KindRequest](h, topology.Kinds, topology.AllKinds, 0)
	if n, err := testutil.GatherAndCount(registry, "faultwire_llm_calls_total"); err != nil || n != 0 {
		t.Errorf("%d metrics of the LLM, %v", n, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := analyzer.Default().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	bad := analyzer.Config{Analyzer: config.Analyzer{Window: 7 * time.Minute}, Report: config.Report{Every: 0, Timezone: "Mars/Olympus"}, LLM: config.LLM{Enabled: true}}
	_, err := analyzer.New(bad, analyzer.Deps{})
	faults, ok := err.(config.Faults) //nolint:errorlint // this type itself is the contract
	if !ok {
		t.Fatalf("got %v", err)
	}
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	for _, want := range []string{"analyzer.window", "report.timezone", "llm.url", "llm.timeout"} {
		if !slices.Contains(paths, want) {
			t.Errorf("no fault of %s in %v", want, err)
		}
	}
}
