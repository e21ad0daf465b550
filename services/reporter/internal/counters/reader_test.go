package counters_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/counters"
)

const wait = 30 * time.Second

// publish appends a failure as ingest does.
func publish(t *testing.T, store topology.Store, f *event.Failure, change ...func(*nats.Msg)) {
	t.Helper()
	f.V = event.Version
	data, err := event.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Subject: topology.FailureSubject(f.Class), Header: nats.Header{}, Data: data}
	topology.WriteHeader(m.Header, event.Header{Time: f.Committed, Live: !f.History})
	for _, fn := range change {
		fn(m)
	}
	if _, err := store.JetStream.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func heartbeat(t *testing.T, store topology.Store, at time.Time) {
	t.Helper()
	data, err := event.Encode(&event.Heartbeat{V: event.Version, Watermark: at})
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Subject: topology.HeartbeatSubject, Header: nats.Header{}, Data: data}
	topology.WriteHeader(m.Header, event.Header{Time: at})
	if _, err := store.JetStream.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func someFailure(i int) *event.Failure {
	return &event.Failure{
		Model: "gpt-4o", Provider: "openai", Class: event.ClassQuota, Fingerprint: fmt.Sprint("f1-", i%3),
		Committed: start.Add(time.Duration(i) * time.Second), Text: `a text with },"row": in it`, Row: []byte(`{"request_id":{"x":1},"row":[1]}`),
	}
}

// run runs a reader until stop is called, which returns Run's error.
func run(t *testing.T, r *counters.Reader) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// failures is what /metrics shows as faultwire_failures_total of gpt-4o, -1 for
// nothing.
func failures(t *testing.T, r *counters.Reader) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "faultwire_failures_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

func TestReader(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	history := someFailure(1)
	history.History = true
	publish(t, store, history)
	publish(t, store, someFailure(2))
	heartbeat(t, store, start.Add(time.Hour))
	publish(t, store, someFailure(3), func(m *nats.Msg) { m.Data = []byte(`{"v":1,"model":`) })

	r := counters.NewReader(store, testkit.Logger(t))
	if n := failures(t, r); n != -1 {
		t.Errorf("a reader that doesn't run exports %v failures", n)
	}
	stop := run(t, r)
	testkit.Eventually(t, wait, "the log is counted", func() bool { return failures(t, r) == 1 })
	publish(t, store, someFailure(4))
	testkit.Eventually(t, wait, "a new failure is counted", func() bool { return failures(t, r) == 2 })
	if err := r.Progress(t.Context()); err != nil {
		t.Error(err)
	}
	want := `
# HELP faultwire_failures_total Failed requests by the model that clients call, provider and class of error; our own calls and health checks included.
# TYPE faultwire_failures_total counter
faultwire_failures_total{class="quota",model="gpt-4o",provider="openai"} 2
# HELP faultwire_kinds_total Different kinds of errors seen so far, by class.
# TYPE faultwire_kinds_total counter
faultwire_kinds_total{class="quota"} 2
# HELP faultwire_log_unreadable_entries_total Entries of the log that are damaged and were not counted.
# TYPE faultwire_log_unreadable_entries_total counter
faultwire_log_unreadable_entries_total 1
# HELP faultwire_log_watermark_timestamp_seconds Commit time up to which the log is complete, by the database's clock.
# TYPE faultwire_log_watermark_timestamp_seconds gauge
faultwire_log_watermark_timestamp_seconds 1.7954028e+09
`
	if err := testutil.CollectAndCompare(r, strings.NewReader(want), "faultwire_failures_total", "faultwire_kinds_total", "faultwire_log_unreadable_entries_total", "faultwire_log_watermark_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.CollectAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := failures(t, r); n != -1 {
		t.Errorf("a reader that has stopped exports %v failures", n)
	}
}

// dying is a STATE bucket that takes some writes and then no more, as when the
// process is killed.
type dying struct {
	jetstream.KeyValue
	left atomic.Int64
}

var errKilled = errors.New("killed")

func (d *dying) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if d.left.Add(-1) < 0 {
		return 0, errKilled
	}
	return d.KeyValue.Put(ctx, key, value)
}

// TestRestarts ends and starts the reader again and again while failures come in,
// in the middle of storing chunks too: no scrape shows less than one before, and
// in the end every failure once.
func TestRestarts(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	const lives, each = 12, 30
	highest := 0.0
	for life := range lives {
		state := &dying{KeyValue: store.State}
		state.left.Store(int64(life * 5 % 37))
		mortal := store
		mortal.State = state
		r, tick := counters.NewReader(mortal, testkit.Logger(t)), make(chan time.Time)
		r.StoreOn(tick)
		stop := run(t, r)
		for i := range each {
			publish(t, store, someFailure(life*each+i))
			if i == each/2 {
				select {
				case tick <- time.Time{}:
				case <-time.After(wait):
					t.Fatal("the reader takes no tick")
				}
			}
			if n := failures(t, r); n >= 0 {
				if n < highest {
					t.Fatalf("the counter went back from %v to %v", highest, n)
				}
				highest = n
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	r := counters.NewReader(store, testkit.Logger(t))
	stop := run(t, r)
	testkit.Eventually(t, wait, "all are counted", func() bool { return failures(t, r) == lives*each })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestNewLog: counters of another life of the log are not those of this one.
func TestNewLog(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	publish(t, store, someFailure(1))
	r := counters.NewReader(store, testkit.Logger(t))
	stop := run(t, r)
	testkit.Eventually(t, wait, "counted", func() bool { return failures(t, r) == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	store.Epoch = "another"
	r = counters.NewReader(store, testkit.Logger(t))
	stop = run(t, r)
	testkit.Eventually(t, wait, "counted from the start", func() bool { return failures(t, r) == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestLaterVersion(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	publish(t, store, someFailure(1), func(m *nats.Msg) { m.Data = []byte(`{"v":2}`) })
	err := counters.NewReader(store, testkit.Logger(t)).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "upgrade this process") {
		t.Errorf("error = %v", err)
	}
}

// TestStreamIsGone: a reader that can't go on says so.
func TestStreamIsGone(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	if err := store.JetStream.DeleteStream(t.Context(), topology.Failures); err != nil {
		t.Fatal(err)
	}
	r := counters.NewReader(store, testkit.Logger(t))
	if err := r.Run(t.Context()); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("error = %v", err)
	}
	if err := r.Progress(t.Context()); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("progress = %v", err)
	}
}
