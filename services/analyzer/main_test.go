package analyzer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/pkg/window"
	"github.com/faultwire/faultwire/services/analyzer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

// house is a store with a log that the test writes and remembers.
type house struct {
	topology.Store
	t      *testing.T
	config analyzer.Config

	mu       sync.Mutex
	entries  []window.Entry
	failures map[uint64]*event.Failure // by sequence
}

func newHouse(t *testing.T) *house {
	t.Helper()
	_, conn := testkit.Broker(t)
	return houseOn(t, conn)
}

func houseOn(t *testing.T, conn *nats.Conn) *house {
	t.Helper()
	store := testkit.StoreOn(t, conn)
	c := analyzer.Default()
	c.Analyzer.Window, c.Report.Every = 10*time.Second, time.Minute
	return &house{Store: store, t: t, config: c, failures: map[uint64]*event.Failure{}}
}

var begin = time.Date(2026, 11, 23, 9, 59, 30, 0, time.UTC)

func failure(r *rand.Rand, committed time.Time) *event.Failure {
	kind := fmt.Sprint("kind", r.IntN(6))
	return &event.Failure{
		V: event.Version, ID: event.NewID(event.SourceSpendLogs, fmt.Sprint(r.Uint64()), ""), Source: event.SourceSpendLogs,
		Position: event.Position{System: "7", Timeline: 1, Row: 1}, Committed: committed, Started: committed.Add(-time.Minute), Ended: committed,
		Model: fmt.Sprint("model", r.IntN(4)), Key: fmt.Sprint("键 ", r.IntN(5)), Provider: "openai", Class: event.ClassTimeout, Fingerprint: "f1-" + kind,
		Title: kind, Check: "check " + kind, Template: "template of " + kind, Text: "text of " + kind, ErrorCode: "408",
	}
}

// write appends n failures, a second apart, from second on, then a heartbeat.
func (h *house) write(second, n int) {
	h.t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(second)))
	for i := range n {
		f := failure(r, begin.Add(time.Duration(second+i)*time.Second))
		data, err := event.Encode(f)
		if err != nil {
			h.t.Fatal(err)
		}
		h.append(topology.FailureSubject(f.Class), event.Header{Position: f.Position, Time: f.Committed, ID: f.ID, Live: true}, data, f)
	}
	beat := begin.Add(time.Duration(second+n) * time.Second)
	h.append(topology.HeartbeatSubject, event.Header{Position: event.Position{System: "7", Timeline: 1}, Time: beat}, []byte(`{"v":1}`), nil)
}

func (h *house) append(subject string, header event.Header, data []byte, f *event.Failure) {
	h.t.Helper()
	m := nats.NewMsg(subject)
	m.Data = data
	topology.WriteHeader(m.Header, header)
	ack, err := h.JetStream.PublishMsg(h.t.Context(), m)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, window.Entry{Seq: ack.Sequence, Header: header})
	if f != nil {
		h.failures[ack.Sequence] = f
	}
}

// replay publishes n rows of a replay and its end marker.
func (h *house) replay(run string, n int, noLLM bool) {
	h.t.Helper()
	end := event.ReplayEnd{
		V: event.Version, Request: event.ReplayRequest{V: event.Version, ID: run, Asked: begin, NoLLM: noLLM},
		Start: begin.Add(-time.Hour), End: begin, Lo: 1, N: n,
	}
	r := rand.New(rand.NewPCG(2, 2))
	for i := range n {
		f := failure(r, begin.Add(-time.Duration(i)*time.Second))
		data, err := event.Encode(f)
		if err != nil {
			h.t.Fatal(err)
		}
		m := nats.NewMsg(topology.ReplaySubject(run))
		m.Data = data
		topology.WriteHeader(m.Header, event.Header{Time: f.Committed, ID: f.ID, Live: true})
		ack, err := h.JetStream.PublishMsg(h.t.Context(), m)
		if err != nil {
			h.t.Fatal(err)
		}
		if i == 0 {
			end.Lo = ack.Sequence
		}
		end.Hi = ack.Sequence
	}
	data, err := event.Encode(&end)
	if err != nil {
		h.t.Fatal(err)
	}
	for range 2 { // as a second replayer might
		if _, err := h.JetStream.Publish(h.t.Context(), topology.ReplayEndSubject(run), data); err != nil {
			h.t.Fatal(err)
		}
	}
}

// planned is what one uninterrupted planner makes of the log.
func (h *house) planned() (windows []event.Window, periods []event.Period) {
	h.t.Helper()
	rules := event.Rules{Window: event.Duration(h.config.Analyzer.Window), Every: event.Duration(h.config.Report.Every), Zone: "UTC"}
	p, err := window.Resume(window.Chain{}, rules, event.RunLive, h.Epoch)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range h.entries {
		for _, closed := range p.Step(e) {
			if closed.Window != nil {
				windows = append(windows, *closed.Window)
			} else {
				periods = append(periods, *closed.Period)
			}
		}
	}
	return windows, periods
}

// analysis is what stats makes of a window.
func (h *house) analysis(w event.Window) event.Analysis {
	h.t.Helper()
	sums := stats.New()
	for seq := w.Lo; seq <= w.Hi; seq++ {
		if f := h.failures[seq]; f != nil {
			sums.Add(w.Start, f)
		}
	}
	a, err := sums.Analysis(w)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// service makes one more analyzer on the house's store.
func (h *house) service() (*analyzer.Service, *prometheus.Registry, *telemetry.Readiness) {
	h.t.Helper()
	registry, ready := prometheus.NewRegistry(), telemetry.NewReadiness()
	s, err := analyzer.New(h.config, analyzer.Deps{Store: h.Store, Log: testkit.Logger(h.t), Registerer: registry, Ready: ready})
	if err != nil {
		h.t.Fatal(err)
	}
	return s, registry, ready
}

// start runs s until the returned function is called, or the test ends.
func (h *house) start(s *analyzer.Service) (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("the analyzer ended: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// read waits for n entries of a stream and decodes them; it is an error when there
// are more.
func read[T any](h *house, stream, subject string, n int) []T {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	got := []T{}
	if n == 0 {
		cancel()
	}
	for entry, err := range bus.Follow(ctx, h.JetStream, stream, subject, 0, false) {
		if err != nil {
			h.t.Fatal(err)
		}
		v, err := event.Decode[T](entry.Data)
		if err != nil {
			h.t.Fatal(err)
		}
		if got = append(got, v); len(got) == n {
			break
		}
	}
	s, err := h.JetStream.Stream(h.t.Context(), stream)
	if err != nil {
		h.t.Fatal(err)
	}
	info, err := s.Info(h.t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		h.t.Fatal(err)
	}
	all := 0
	for _, count := range info.State.Subjects {
		all += int(count)
	}
	if all != n {
		h.t.Fatalf("%s has %d entries, want %d", subject, all, n)
	}
	return got
}

// newLLM is an endpoint that explains every kind it is asked about.
func newLLM(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Messages []struct {
				Content string `json:"content"`
			} `json:"messages"`
		}
		var kind struct {
			Title string `json:"title"`
		}
		if json.NewDecoder(r.Body).Decode(&request) != nil || json.Unmarshal([]byte(request.Messages[1].Content), &kind) != nil {
			t.Errorf("bad request %+v", request)
		}
		w.Header().Set("Content-Type", "application/json")
		answer, _ := json.Marshal(map[string]string{"hypothesis": "because of " + kind.Title, "advice": "mend it"})
		_ = json.NewEncoder(w).Encode(map[string]any{"model": "m", "choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": string(answer)}}}})
	}))
	t.Cleanup(server.Close)
	return server
}
