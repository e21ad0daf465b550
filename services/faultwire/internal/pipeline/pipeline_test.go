package pipeline_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
)

// A Watermill router that is stopped before it has subscribed leaves the goroutine
// behind that waits for its handlers.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/message.(*Router).watchAllHandlersStopped.func1"))
}

// settings are those of a pipeline of this test; nobody answers at its database.
func settings(t *testing.T) config.Settings {
	t.Helper()
	s := config.Default()
	s.Postgres.URL = "postgres://u:p@127.0.0.1:1/litellm"
	s.Output.Dir, s.NATS.StoreDir = filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "store")
	s.NATS.MaxBytes = 64 << 20
	s.HTTP.Addr, s.Report.Timezone = "127.0.0.1:0", "UTC"
	return s
}

func open(t *testing.T, s config.Settings) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Open(t.Context(), pipeline.Config{Settings: s, Follow: true}, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestOpenSaysAll: whatever of folder, address and data folder is taken is said at
// once, as faults of the settings, and nothing stays open.
func TestOpenSaysAll(t *testing.T) {
	t.Parallel()
	first := settings(t)
	p := open(t, first)
	second := first
	second.HTTP.Addr = p.Addr()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second.Output.Dir = filepath.Join(file, "output")
	_, err := pipeline.Open(t.Context(), pipeline.Config{Settings: second, Follow: true}, testkit.Logger(t))
	if program.ExitCode(err) != program.ExitUsage || !errors.Is(err, broker.ErrLocked) {
		t.Fatalf("error = %v", err)
	}
	var text strings.Builder
	program.Report(&text, err, false)
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), text.String())
	}
	for i, setting := range []string{"output.dir", "http.addr", "nats.store_dir"} {
		if !strings.HasPrefix(lines[i], setting) {
			t.Errorf("line %q doesn't begin with %s", lines[i], setting)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, first) // what was taken is free again
}

// TestLastDay is asked for once in the life of a log, and not when it was begun.
func TestLastDay(t *testing.T) {
	t.Parallel()
	s := settings(t)
	p := open(t, s)
	run, err := p.LastDay(t.Context(), time.Now())
	if err != nil || run == "" {
		t.Fatalf("run %q, %v", run, err)
	}
	if err := p.Close(); err != nil { // killed before anything happened
		t.Fatal(err)
	}
	p = open(t, s)
	again, err := p.LastDay(t.Context(), time.Now())
	if err != nil || again != run {
		t.Errorf("run %q, then %q, %v", run, again, err)
	}
	if n := messages(t, p, topology.Requests); n != 1 {
		t.Errorf("%d requests", n)
	}
	if _, err := p.Store().JetStream.Publish(t.Context(), topology.HeartbeatSubject, nil); err != nil {
		t.Fatal(err)
	}
	if run, err := p.LastDay(t.Context(), time.Now()); err != nil || run != "" {
		t.Errorf("a log that was begun: run %q, %v", run, err)
	}
}

// TestForget drops what a replay left undone and keeps the LLM's budget.
func TestForget(t *testing.T) {
	t.Parallel()
	p := open(t, settings(t))
	if err := p.Request(t.Context(), event.ReplayRequest{V: 1, ID: "r-1"}); err != nil {
		t.Fatal(err)
	}
	js := p.Store().JetStream
	for _, subject := range []string{topology.ReplaySubject("r-1"), topology.WindowsSubject("r-1", "e"), topology.PeriodsSubject("r-1", "e"), topology.ExplanationSubject("f1-a", event.Prompt)} {
		if _, err := js.Publish(t.Context(), subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Store().State.Put(t.Context(), topology.BudgetKey, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if rows, err := p.Rows(t.Context(), "r-1"); err != nil || rows != 1 {
		t.Errorf("rows = %d, %v", rows, err)
	}
	if err := p.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]uint64{topology.Requests: 0, topology.Replays: 0, topology.Windows: 0, topology.Periods: 0, topology.Explanations: 1} {
		if n := messages(t, p, stream); n != want {
			t.Errorf("%s holds %d messages, want %d", stream, n, want)
		}
	}
	if _, err := p.Store().State.Get(t.Context(), topology.BudgetKey); err != nil {
		t.Errorf("budget: %v", err)
	}
}

func messages(t *testing.T, p *pipeline.Pipeline, name string) uint64 {
	t.Helper()
	stream, err := p.Store().JetStream.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// TestAfterADeath: the next process has at once what a killed one held, a lease and
// a message that it had in work.
func TestAfterADeath(t *testing.T) {
	t.Parallel()
	s := settings(t)
	for range 2 {
		p := open(t, s)
		if _, err := p.Store().State.Create(t.Context(), topology.LeaseKey("explainer"), []byte("{}")); err != nil {
			t.Errorf("the lease is not free: %v", err)
		}
		if err := p.Request(t.Context(), event.ReplayRequest{V: 1, ID: "r-1"}); err != nil {
			t.Fatal(err)
		}
		consumer, err := p.Store().JetStream.Consumer(t.Context(), topology.Requests, topology.Replayer)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second)); err != nil || m.Subject() != topology.RequestSubject("r-1") {
			t.Errorf("no message: %v", err)
		}
		if err := p.Close(); err != nil { // without an ack
			t.Fatal(err)
		}
	}
}

// TestOutcomes come in order, the last one first, until take has enough.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	p := open(t, settings(t))
	put := func(matched int) {
		data, err := event.Encode(&event.Outcome{V: 1, Run: event.RunLive, Matched: matched})
		if err == nil {
			_, err = p.Store().State.Put(t.Context(), topology.OutcomeKey(event.RunLive), data)
		}
		if err != nil {
			t.Error(err)
		}
	}
	put(1)
	put(2)
	var got []int
	err := p.Outcomes(t.Context(), event.RunLive, func(o *event.Outcome) bool {
		got = append(got, o.Matched)
		if o.Matched == 2 {
			put(3)
		}
		return o.Matched < 3
	})
	if err != nil || len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("outcomes %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Await(ctx, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("a run without outcome: %v", err)
	}
}

// TestRunReturnsWhatFailed: the text of a service's error begins with its subject.
func TestRunReturnsWhatFailed(t *testing.T) {
	t.Parallel()
	s := settings(t)
	p := open(t, s)
	wrong := errors.New("nats.store_dir: full")
	err := p.Run(t.Context(), func(context.Context) error { return wrong })
	if !errors.Is(err, wrong) || err.Error() != wrong.Error() {
		t.Errorf("error = %v", err)
	}
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		conn.Close()
		t.Error("something still listens")
	}
	p = open(t, s) // everything was let go
	if err := p.Run(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("work that is done: %v", err)
	}
}

// TestDiskTooSmall: a log larger than the disk is a fault of the settings.
func TestDiskTooSmall(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.NATS.MaxBytes = 1 << 60
	_, err := pipeline.Open(t.Context(), pipeline.Config{Settings: s, Follow: true}, testkit.Logger(t))
	if program.ExitCode(err) != program.ExitUsage || !strings.HasPrefix(err.Error(), "nats.max_bytes: ") {
		t.Errorf("error = %v", err)
	}
}
