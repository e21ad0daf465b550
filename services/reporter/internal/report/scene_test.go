package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
	"github.com/faultwire/faultwire/services/reporter/internal/report"
)

const (
	wait   = 30 * time.Second
	window = 5 * time.Minute
)

var start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// scene is a broker with hand-made streams and a writer on them.
type scene struct {
	t       testing.TB
	store   topology.Store
	dir     string
	config  report.Config
	metrics *report.Metrics
	now     func() time.Time
	writer  *report.Writer
	logs    *testkit.Logs
}

func newScene(t testing.TB) *scene {
	t.Helper()
	store := testkit.Store(t)
	c := report.Config{Report: config.Default().Report, Output: config.Default().Output, LLM: config.Default().LLM, Version: "0.1.0"}
	c.Report.Timezone = "Asia/Shanghai"
	metrics := report.NewMetrics(time.Hour)
	metrics.SetActive(true)
	return &scene{t: t, store: store, dir: t.TempDir(), config: c, metrics: metrics, now: time.Now, logs: testkit.NewLogs()}
}

// withLLM switches explanations on.
func (s *scene) withLLM(timeout time.Duration) *scene {
	s.config.LLM.Enabled, s.config.LLM.URL, s.config.LLM.Model, s.config.LLM.Timeout = true, "http://key:secret@llm.example/v1?api-key=secret", "qwen3-30b", timeout
	return s
}

// run runs the writer behind a real router until stop is called.
func (s *scene) run() (stop func()) {
	s.t.Helper()
	folder, err := dayfile.Open(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	log := s.logs.Logger(s.t)
	s.writer = report.New(s.config, s.store, folder, s.metrics, log)
	s.writer.SetNow(s.now)
	router, err := bus.NewRouter(bus.RouterConfig{Log: log, Registerer: prometheus.NewRegistry(), JetStream: s.store.JetStream})
	if err != nil {
		s.t.Fatal(err)
	}
	subscriber := bus.NewSubscriber(s.store.JetStream, bus.SubscriberConfig{Log: log})
	router.AddConsumerHandler(topology.ReportWriter, bus.Topic(topology.Periods, topology.ReportWriter), subscriber, s.writer.Handle)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx, router, subscriber) }()
	return func() {
		s.t.Helper()
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
}

func (s *scene) publish(subject string, v any) uint64 {
	s.t.Helper()
	data, err := event.Encode(v)
	if err != nil {
		s.t.Fatal(err)
	}
	ack, err := s.store.JetStream.Publish(s.t.Context(), subject, data)
	if err != nil {
		s.t.Fatal(err)
	}
	return ack.Sequence
}

// entry appends to a log as ingest does.
func (s *scene) entry(subject string, v any, header event.Header) uint64 {
	s.t.Helper()
	data, err := event.Encode(v)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: data}
	topology.WriteHeader(m.Header, header)
	ack, err := s.store.JetStream.PublishMsg(s.t.Context(), m)
	if err != nil {
		s.t.Fatal(err)
	}
	return ack.Sequence
}

func (s *scene) rules() event.Rules {
	return event.Rules{Window: event.Duration(window), Every: event.Duration(time.Hour), Zone: "Asia/Shanghai"}
}

// period is a live period being made.
type period struct {
	*scene
	event.Period
	windows  []event.Window
	analyses []event.Analysis
}

// live begins a live period of an hour.
func (s *scene) live(start time.Time) *period {
	return &period{scene: s, Period: event.Period{
		V: event.Version, Run: event.RunLive, Epoch: s.store.Epoch, Start: start, End: start.Add(time.Hour), Rules: s.rules(),
	}}
}

// window adds a window with failures, and a heartbeat and a row of history that
// don't count.
func (p *period) window(start time.Time, failures ...*event.Failure) *period {
	p.t.Helper()
	w := event.Window{V: event.Version, Run: p.Run, Epoch: p.Epoch, Start: start, End: start.Add(window), N: len(failures), Rules: p.Rules}
	counted := stats.New()
	w.Lo = p.entry(topology.HeartbeatSubject, &event.Heartbeat{V: event.Version, Watermark: start}, event.Header{Time: start})
	for _, f := range failures {
		w.Hi = p.entry(topology.FailureSubject(f.Class), f, event.Header{Time: f.Committed, ID: f.ID, Live: true})
		counted.Add(start, f)
	}
	old := failure(9999, start.Add(-48*time.Hour), kindA)
	old.History = true
	w.Hi = p.entry(topology.FailureSubject(old.Class), old, event.Header{Time: old.Committed})
	analysis, err := counted.Analysis(w)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.First.IsZero() {
		p.First, p.Lo = start, w.Lo
	}
	p.Last, p.Hi, p.N = start, w.Hi, p.N+w.N
	p.windows, p.analyses = append(p.windows, w), append(p.analyses, analysis)
	return p
}

// close publishes windows and period.
func (p *period) close() *period {
	p.t.Helper()
	for i := range p.windows {
		p.publish(topology.WindowsSubject(p.Run, p.Epoch), &p.windows[i])
	}
	p.publish(topology.PeriodsSubject(p.Run, p.Epoch), &p.Period)
	return p
}

// analyse publishes the analyses.
func (p *period) analyse() *period {
	p.t.Helper()
	for i := range p.analyses {
		p.publish(topology.AnalysisSubject(p.Run, p.Epoch, p.analyses[i].Window.Start), &p.analyses[i])
	}
	return p
}

func (p *period) report() string {
	return fmt.Sprintf("%s.%s.%d", p.Run, p.Epoch, p.Start.Unix())
}

// outcome waits for the outcome of a report.
func (s *scene) outcome(run, report string) event.Outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), wait)
	defer cancel()
	watcher, err := s.store.State.Watch(ctx, topology.OutcomeKey(run))
	if err != nil {
		s.t.Fatal(err)
	}
	defer watcher.Stop()
	for {
		select {
		case entry := <-watcher.Updates():
			if entry == nil || entry.Operation() != jetstream.KeyValuePut { // nil: all there was
				continue
			}
			o, err := event.Decode[event.Outcome](entry.Value())
			if err != nil {
				s.t.Fatal(err)
			}
			if o.Report == report {
				return o
			}
		case <-ctx.Done():
			s.t.Fatalf("no outcome of %s within %s; files: %q", report, wait, s.files())
		}
	}
}

// files lists what people see below the output folder.
func (s *scene) files() []string {
	s.t.Helper()
	var names []string
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			name, _ := filepath.Rel(s.dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

func (s *scene) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// rows reads a JSON array of objects.
func (s *scene) rows(name string) []map[string]any {
	s.t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal([]byte(s.read(name)), &rows); err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func (s *scene) params(name string) report.Params {
	s.t.Helper()
	var p report.Params
	if err := json.Unmarshal([]byte(s.read(name)), &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// explain publishes the explanation of a kind.
func (s *scene) explain(fingerprint, hypothesis string) {
	s.t.Helper()
	s.publish(topology.ExplanationSubject(fingerprint, "p1-en"), &event.Explanation{
		V: event.Version, Fingerprint: fingerprint, Prompt: "p1-en", Hypothesis: hypothesis, Advice: "look", Model: "qwen3-30b", At: start.Add(time.Hour),
	})
}

// pend says why a kind has no explanation.
func (s *scene) pend(fingerprint string, p event.Pending) {
	s.t.Helper()
	p.V = event.Version
	data, err := event.Encode(&p)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.store.State.Put(s.t.Context(), topology.PendingKey(fingerprint, "p1-en"), data); err != nil {
		s.t.Fatal(err)
	}
}

type kind struct {
	fingerprint, title, template, model, key, provider, code string
	class                                                    event.Class
}

var (
	kindA = kind{"f1-aaaaaaaaaaaaaaaa", "Rate limit on requests per minute", "Rate limit reached for <model>", "gpt-4o", "agent", "openai", "429", event.ClassQuota}
	kindB = kind{"f1-bbbbbbbbbbbbbbbb", "Request timed out", "Request timed out after <duration>", "qwen3-30b", "批处理", "vllm", "408", event.ClassTimeout}
)

// failure makes failure number i of a kind, with a row as row_to_json prints it.
func failure(i int, committed time.Time, k kind) *event.Failure {
	id := fmt.Sprintf("req-%d", i)
	began := committed.Add(-7 * time.Second)
	return &event.Failure{
		V: event.Version, ID: event.NewID(event.SourceSpendLogs, id, began.Format(time.DateTime)), Source: event.SourceSpendLogs,
		Committed: committed, Started: began, Ended: committed.Add(-5 * time.Second),
		Model: k.model, Key: k.key, Provider: k.provider, Team: "客服", Class: k.class, Fingerprint: k.fingerprint, Template: k.template, Title: k.title,
		Check: "look at " + k.provider, Text: "text of " + id, ErrorCode: k.code,
		Log: event.LogEntry{
			RequestID: new(id), Time: new(began.Format("2006-01-02T15:04:05.000")), Model: new(k.model), KeyName: new(k.key),
			Status: new("failure"), ErrorType: nil, ErrorMessage: new("a < b & 模型"),
		},
		Row: json.RawMessage(fmt.Sprintf(`{"request_id":%q,"spend":0,"metadata":{"a": 1, "html": "<b>&", "模型": "x"},"messages":{"cut":"prompt","bytes":12}}`, id)),
	}
}

// failures makes n failures of a kind, a second apart, numbered from first on.
func failures(n, first int, from time.Time, k kind) []*event.Failure {
	var all []*event.Failure
	for i := range n {
		all = append(all, failure(first+i, from.Add(time.Duration(i)*time.Second), k))
	}
	return all
}
