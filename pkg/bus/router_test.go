package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/topology"
)

var errBroken = errors.New("broken")

// bench is a router with one handler on stream WORK.
type bench struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	registry *prometheus.Registry
	log      *syncBuffer
	sub      *bus.Subscriber
	stop     func() // ends it; that is no error
	done     chan error
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func runRouter(t *testing.T, js jetstream.JetStream, handler message.NoPublishHandlerFunc) *bench {
	t.Helper()
	b := &bench{js: js, registry: prometheus.NewRegistry(), log: &syncBuffer{}, done: make(chan error, 1)}
	b.consumer = makeWork(t, js, time.Minute)
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	router, err := bus.NewRouter(bus.RouterConfig{Log: log, Registerer: b.registry, JetStream: js})
	if err != nil {
		t.Fatal(err)
	}
	b.sub = bus.NewSubscriber(js, bus.SubscriberConfig{Log: log, NackDelay: 100 * time.Millisecond, MaxNackDelay: 200 * time.Millisecond})
	router.AddConsumerHandler("analyst", bus.Topic("WORK", worker), b.sub, handler)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { b.done <- bus.Run(ctx, router, b.sub) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-b.done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// makeDeadLetters makes the stream that takes dead letters.
func makeDeadLetters(t *testing.T, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	return makeStream(t, js, jetstream.StreamConfig{Name: topology.DeadLetters, Subjects: []string{topology.AllDeadLetters}, AllowDirect: true})
}

// attempt is one call of a handler.
type attempt struct {
	seq uint64
	at  time.Time
}

func TestRouterRetriesInPlace(t *testing.T) {
	t.Parallel()
	calls := make(chan attempt, 100)
	js := connect(t, start(t))
	n := 0
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		if n++; n < 3 {
			return fmt.Errorf("attempt %d: %w", n, errBroken)
		}
		return nil
	})
	fill(t, js, 2, "work.a")
	var order []uint64
	for range 4 {
		order = append(order, await(t, "call", calls).seq)
	}
	if diff := cmp.Diff([]uint64{1, 1, 1, 2}, order); diff != "" {
		t.Error(diff)
	}
	b.stop()
	info, err := b.consumer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.NumAckPending != 0 || info.AckFloor.Stream != 2 || info.NumRedelivered != 0 || info.Delivered.Consumer != 2 {
		t.Errorf("the retries were deliveries: %+v", info)
	}
}

// An error that stays is retried for ever, and the next message gets its turn.
func TestRouterRetriesForEver(t *testing.T) {
	t.Parallel()
	calls := make(chan attempt, 1000)
	js := connect(t, start(t))
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		if bus.Seq(m) == 1 {
			return errBroken
		}
		return nil
	})
	fill(t, js, 2, "work.a")
	counts := map[uint64]int{}
	for counts[1] < 9 { // a delivery has 4 tries
		counts[await(t, "call", calls).seq]++
	}
	if counts[2] != 1 {
		t.Errorf("the other message was handled %d times", counts[2])
	}
	b.stop()
	settles(t, b.consumer, 1, 0) // it must come again
	if log := b.log.String(); !strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("log: %s", log)
	}
}

func TestRouterPermanent(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	dead := makeDeadLetters(t, js)
	calls := make(chan attempt, 100)
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		if bus.Seq(m) == 1 {
			return fmt.Errorf("decode window: %w", bus.Permanent(errors.New("line 1\nline 2")))
		}
		return nil
	})
	m := nats.NewMsg("work.a")
	m.Data = []byte("{")
	m.Header.Set("Faultwire-Position", "7,1,0/1,2")
	if _, err := js.PublishMsg(t.Context(), m, jetstream.WithExpectLastSequencePerSubject(0)); err != nil {
		t.Fatal(err)
	}
	fill(t, js, 1, "work.b")
	if diff := cmp.Diff([]uint64{1, 2}, []uint64{await(t, "call", calls).seq, await(t, "call", calls).seq}); diff != "" {
		t.Error(diff)
	}
	b.stop()
	settles(t, b.consumer, 0, 2)
	letter := nextLetter(t, dead)
	if letter.Subject() != topology.DeadLetterSubject(worker) {
		t.Errorf("subject %s", letter.Subject())
	}
	got := map[string]string{}
	for key := range letter.Headers() {
		got[key] = letter.Headers().Get(key)
	}
	want := map[string]string{
		"Faultwire-Position": "7,1,0/1,2", "Nats-Msg-Id": "dead/WORK/worker/1",
		bus.DeadReason: "decode window: line 1 line 2", bus.DeadStream: "WORK", bus.DeadSequence: "1",
		bus.DeadSubject: "work.a", bus.DeadConsumer: "worker", bus.DeadDeliveries: "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if string(letter.Data()) != "{" {
		t.Errorf("body %q", letter.Data())
	}
	expected := `
# HELP faultwire_dead_letters_total Messages that can never be handled; they are in stream DEAD_LETTERS.
# TYPE faultwire_dead_letters_total counter
faultwire_dead_letters_total{handler="analyst"} 1
`
	if err := testutil.GatherAndCompare(b.registry, strings.NewReader(expected), "faultwire_dead_letters_total"); err != nil {
		t.Error(err)
	}
}

// As long as a message can't be put aside it is not given up.
func TestRouterPermanentWithoutDeadLetters(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	calls := make(chan attempt, 100)
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		return bus.Permanent(errBroken)
	})
	fill(t, js, 1, "work.a")
	for range 2 {
		await(t, "call", calls)
	}
	nextLetter(t, makeDeadLetters(t, js))
	b.stop()
	settles(t, b.consumer, 0, 1)
}

// nextLetter waits for the first dead letter.
func nextLetter(t *testing.T, dead jetstream.Stream) jetstream.Msg {
	t.Helper()
	c, err := dead.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		t.Fatal(err)
	}
	letter, err := c.Next(jetstream.FetchMaxWait(15 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return letter
}

// A message that leaves no room for the reason is put aside without its body.
func TestRouterDeadLetterTooLarge(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	js := newJetStream(t, r.connect())
	dead := makeDeadLetters(t, js)
	b := runRouter(t, js, func(*message.Message) error { return bus.Permanent(errBroken) })
	body := make([]byte, js.Conn().MaxPayload())
	if _, err := js.Publish(t.Context(), "work.a", body); err != nil {
		t.Fatal(err)
	}
	letter := nextLetter(t, dead)
	if len(letter.Data()) != 0 || letter.Headers().Get(bus.DeadCut) != fmt.Sprint(len(body)) || letter.Headers().Get(bus.DeadReason) != "broken" {
		t.Errorf("%d bytes, %v", len(letter.Data()), letter.Headers())
	}
	b.stop()
}

func TestRouterDelay(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	calls := make(chan attempt, 100)
	n := 0
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		if n++; n == 1 {
			return fmt.Errorf("report: %w", bus.Delay(errBroken, 1200*time.Millisecond))
		}
		return nil
	})
	fill(t, js, 1, "work.a")
	first, second := await(t, "call", calls), await(t, "call", calls)
	if took := second.at.Sub(first.at); took < 1200*time.Millisecond {
		t.Errorf("again after %s, want 1.2 s at least", took)
	}
	b.stop()
	if len(calls) != 0 {
		t.Error("more calls than two")
	}
	if log := b.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("waiting is no trouble: %s", log)
	}
	if n, err := testutil.GatherAndCount(b.registry, "faultwire_handler_duration_seconds"); n != 1 || err != nil {
		t.Errorf("%d series, %v, want success alone", n, err)
	}
}

func TestRouterPanic(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	calls := make(chan attempt, 100)
	n := 0
	b := runRouter(t, js, func(m *message.Message) error {
		calls <- attempt{bus.Seq(m), time.Now()}
		if n++; n == 1 {
			panic("a bug")
		}
		return nil
	})
	fill(t, js, 1, "work.a")
	await(t, "call", calls)
	await(t, "call", calls)
	b.stop()
	settles(t, b.consumer, 0, 1)
}

// A handler that ends its work although it was told to stop is done; one that obeys
// leaves its message to others, at once and without noise.
func TestRouterStop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		finish  func(context.Context) error
		pending int
	}{
		"finishes": {func(context.Context) error { return nil }, 0},
		"obeys":    {func(ctx context.Context) error { return fmt.Errorf("scan: %w", ctx.Err()) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := connect(t, start(t))
			began := make(chan struct{})
			b := runRouter(t, js, func(m *message.Message) error {
				close(began)
				<-m.Context().Done()
				return test.finish(m.Context())
			})
			fill(t, js, 1, "work.a")
			await(t, "call", began)
			asked := time.Now()
			b.stop()
			if took := time.Since(asked); took > 3*time.Second {
				t.Errorf("stopping took %s", took)
			}
			settles(t, b.consumer, test.pending, uint64(1-test.pending))
			if log := b.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
				t.Errorf("log: %s", log)
			}
			if test.pending == 1 {
				s := newSubscriber(t, js, bus.SubscriberConfig{})
				m := await(t, "message for the next worker", subscribe(t, t.Context(), s))
				m.Ack()
			}
		})
	}
}

func TestRouterEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan struct{})
	b := runRouter(t, newJetStream(t, conn), func(*message.Message) error { close(called); return nil })
	fill(t, b.js, 1, "work.a")
	await(t, "call", called)
	conn.Close()
	err = await(t, "end", b.done)
	b.done <- nil // for stop
	if !errors.Is(err, bus.ErrEnded) || !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v", err)
	}
}

func TestRouterMetrics(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeDeadLetters(t, js)
	calls := make(chan uint64, 100)
	b := runRouter(t, js, func(m *message.Message) error {
		defer func() { calls <- bus.Seq(m) }()
		if bus.Seq(m) == 1 {
			return bus.Permanent(errBroken)
		}
		return nil
	})
	// In one process analyzer and reporter have a router each.
	if _, err := bus.NewRouter(bus.RouterConfig{Log: quiet(), Registerer: b.registry, JetStream: js}); err != nil {
		t.Fatal(err)
	}
	fill(t, js, 2, "work.a")
	await(t, "call", calls)
	await(t, "call", calls)
	b.stop()
	problems, err := testutil.GatherAndLint(b.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "faultwire_handler_duration_seconds" {
				got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
	}
	if diff := cmp.Diff(map[string]uint64{"analyst true": 1, "analyst false": 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	if bus.Permanent(nil) != nil || bus.Delay(nil, time.Second) != nil {
		t.Error("no error is no error")
	}
	p := fmt.Errorf("decode: %w", bus.Permanent(errBroken))
	if !bus.IsPermanent(p) || !errors.Is(p, errBroken) || p.Error() != "decode: broken" {
		t.Errorf("permanent: %v", p)
	}
	d := bus.Delay(errBroken, time.Second)
	if bus.IsPermanent(d) || !errors.Is(d, errBroken) || d.Error() != "broken" {
		t.Errorf("delay: %v", d)
	}
}

// A router that is stopped while it starts leaves nothing behind, whichever of its
// handlers had begun: goleak looks at the end of the package's tests.
func TestRouterStoppedAtStart(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Minute)
	log := quiet()
	for subscribed := range 3 { // how many handlers have begun at the stop
		router, err := bus.NewRouter(bus.RouterConfig{Log: log, Registerer: prometheus.NewRegistry(), JetStream: js})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		sub := &stopping{Subscriber: bus.NewSubscriber(js, bus.SubscriberConfig{Log: log}), after: subscribed, stop: cancel}
		for i := range 3 {
			router.AddConsumerHandler(fmt.Sprint("analyst", i), bus.Topic("WORK", worker), sub, func(*message.Message) error { return nil })
		}
		if err := bus.Run(ctx, router, sub.Subscriber); err != nil {
			t.Errorf("stopped after %d: %v", subscribed, err)
		}
	}
}

// stopping ends a context before its subscription number after.
type stopping struct {
	*bus.Subscriber
	after int
	stop  func()
}

func (s *stopping) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.after == 0 {
		s.stop()
	}
	s.after--
	return s.Subscriber.Subscribe(ctx, topic)
}
