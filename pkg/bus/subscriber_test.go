package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
)

const worker = "worker"

// makeWork makes stream WORK with the durable consumer worker.
func makeWork(t *testing.T, js jetstream.JetStream, ackWait time.Duration) jetstream.Consumer {
	t.Helper()
	makeStream(t, js, jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}})
	c, err := js.CreateConsumer(t.Context(), "WORK", jetstream.ConsumerConfig{
		Durable: worker, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newSubscriber(t *testing.T, js jetstream.JetStream, config bus.SubscriberConfig) *bus.Subscriber {
	t.Helper()
	config.Log = quiet()
	s := bus.NewSubscriber(js, config)
	t.Cleanup(func() { s.Close() })
	return s
}

func subscribe(t *testing.T, ctx context.Context, s *bus.Subscriber) <-chan *message.Message { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	c, err := s.Subscribe(ctx, bus.Topic("WORK", worker))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settles waits until so many deliveries are open and all up to floor are
// acknowledged. A nack has no receipt to wait for.
func settles(t *testing.T, c jetstream.Consumer, pending int, floor uint64) {
	t.Helper()
	tick, timeout := time.NewTicker(5*time.Millisecond), time.After(5*time.Second)
	defer tick.Stop()
	for {
		info, err := c.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.NumAckPending == pending && info.AckFloor.Stream == floor {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Errorf("%d pending, acknowledged up to %d, want %d and %d", info.NumAckPending, info.AckFloor.Stream, pending, floor)
			return
		}
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Minute)
	m := nats.NewMsg("work.a.b")
	m.Data = []byte("body")
	m.Header["Two"] = []string{"first", "second"}
	m.Header.Set("One", "1")
	if _, err := js.PublishMsg(t.Context(), m, jetstream.WithExpectLastSequencePerSubject(0)); err != nil {
		t.Fatal(err)
	}
	s := newSubscriber(t, js, bus.SubscriberConfig{})
	got := await(t, "message", subscribe(t, t.Context(), s))
	got.Ack()
	if got.UUID != "WORK/1" || string(got.Payload) != "body" || bus.Seq(got) != 1 || bus.Subject(got) != "work.a.b" {
		t.Errorf("%s %q %d %q", got.UUID, got.Payload, bus.Seq(got), bus.Subject(got))
	}
	if age := time.Since(bus.Stored(got)); age < -time.Second || age > time.Minute {
		t.Errorf("stored %s ago", age)
	}
	if got.Metadata.Get("One") != "1" || got.Metadata.Get("Two") != "first" {
		t.Errorf("headers: %v", got.Metadata)
	}
	if _, there := got.Metadata[jetstream.ExpectedLastSubjSeqHeader]; there {
		t.Error("an instruction to the server was passed on")
	}
	none := message.NewMessage("x", nil)
	if bus.Seq(none) != 0 || !bus.Stored(none).IsZero() || bus.Subject(none) != "" {
		t.Error("a message from elsewhere has a sequence, a time or a subject")
	}
}

func TestPublisher(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	log := makeStream(t, js, jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}})
	p := bus.NewPublisher(js)
	m := message.NewMessage("id-1", []byte("body"))
	m.Metadata.Set("Key", "value\r\nInjected: yes")
	m.Metadata.Set("faultwire-entry-seq", "7") // of a message received elsewhere
	for range 2 {                              // the second one is dropped by the server
		if err := p.Publish("work.a", m); err != nil {
			t.Fatal(err)
		}
	}
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := log.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 1 || string(stored.Data) != "body" || stored.Subject != "work.a" {
		t.Errorf("%d messages, %+v", info.State.Msgs, stored)
	}
	if stored.Header.Get(jetstream.MsgIDHeader) != "id-1" || stored.Header.Get("Injected") != "" || stored.Header.Get("faultwire-entry-seq") != "" {
		t.Errorf("headers: %q", stored.Header)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Publish("work.a", message.NewMessageWithContext(ctx, "id-2", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("context of the message is over: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Publish("work.a", message.NewMessage("id-3", nil)); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if !js.Conn().IsConnected() {
		t.Error("Close took the connection along")
	}
}

// A handler may take much longer than AckWait; nobody else gets its message.
func TestWorkLongerThanAckWait(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	consumer := makeWork(t, js, 1500*time.Millisecond)
	one, two := newSubscriber(t, js, bus.SubscriberConfig{}), newSubscriber(t, js, bus.SubscriberConfig{})
	first, second := subscribe(t, t.Context(), one), subscribe(t, t.Context(), two)
	fill(t, js, 1, "work.a")
	var m *message.Message
	select {
	case m = <-first:
		first = nil
	case m = <-second:
		second = nil
	}
	select {
	case <-first:
		t.Fatal("delivered twice")
	case <-second:
		t.Fatal("delivered twice")
	case <-time.After(5 * time.Second):
	}
	m.Ack()
	one.Close() // waits for the ack
	two.Close()
	settles(t, consumer, 0, 1)
}

// The ack of a handler that ends after its context is over counts.
func TestAckAfterTheEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*bus.Subscriber, context.CancelFunc){
		"context": func(_ *bus.Subscriber, cancel context.CancelFunc) { cancel() },
		"Close":   func(s *bus.Subscriber, _ context.CancelFunc) { go s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := connect(t, start(t))
			consumer := makeWork(t, js, time.Minute)
			fill(t, js, 2, "work.a")
			s := newSubscriber(t, js, bus.SubscriberConfig{CloseTimeout: 10 * time.Second})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			messages := subscribe(t, ctx, s)
			m := await(t, "message", messages)
			end(s, cancel)
			await(t, "end of the message's context", m.Context().Done())
			m.Ack()
			if m, open := <-messages; open {
				t.Errorf("got message %d after the end", bus.Seq(m))
			}
			s.Close()
			settles(t, consumer, 0, 1)
		})
	}
}

// What a closing subscriber has not done is for others at once, not after AckWait.
func TestCloseGivesBack(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Hour)
	fill(t, js, 1, "work.a")
	one := newSubscriber(t, js, bus.SubscriberConfig{CloseTimeout: 200 * time.Millisecond})
	await(t, "message", subscribe(t, t.Context(), one)) // and never acked
	began := time.Now()
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Close took %s", took)
	}
	two := newSubscriber(t, js, bus.SubscriberConfig{})
	m := await(t, "message", subscribe(t, t.Context(), two))
	m.Ack()
	if bus.Seq(m) != 1 {
		t.Errorf("got %d", bus.Seq(m))
	}
}

func TestCloseWhenIdle(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Minute)
	s := newSubscriber(t, js, bus.SubscriberConfig{})
	messages := subscribe(t, t.Context(), s)
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Close took %s", took)
	}
	if _, open := <-messages; open {
		t.Error("a message out of nowhere")
	}
	if err := s.Err(); err != nil {
		t.Errorf("the end was asked for: %v", err)
	}
	if _, err := s.Subscribe(t.Context(), bus.Topic("WORK", worker)); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if !js.Conn().IsConnected() {
		t.Error("Close took the connection along")
	}
}

// Nacked messages come later each time, and let others pass.
func TestNackDelay(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Minute)
	fill(t, js, 2, "work.a")
	s := newSubscriber(t, js, bus.SubscriberConfig{NackDelay: 300 * time.Millisecond, MaxNackDelay: time.Second})
	messages := subscribe(t, t.Context(), s)
	var order []uint64
	var nacked time.Time
	for _, least := range []time.Duration{0, 0, 300 * time.Millisecond, 600 * time.Millisecond, time.Second} {
		m := await(t, "message", messages)
		order = append(order, bus.Seq(m))
		if bus.Seq(m) == 2 {
			m.Ack()
			continue
		}
		if took := time.Since(nacked); !nacked.IsZero() && took < least-20*time.Millisecond {
			t.Errorf("back after %s, want %s at least", took, least)
		}
		nacked = time.Now()
		m.Nack()
	}
	if diff := cmp.Diff([]uint64{1, 2, 1, 1, 1}, order); diff != "" {
		t.Error(diff)
	}
}

func TestSubscribeThroughRestarts(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	js := newJetStream(t, r.connect())
	makeWork(t, js, 3*time.Second)
	const last = 400
	fill(t, js, last, "work.a")
	s := newSubscriber(t, js, bus.SubscriberConfig{})
	messages := subscribe(t, t.Context(), s)
	got := map[uint64]bool{}
	deliveries := 0
	for len(got) < last {
		m := await(t, "message", messages)
		got[bus.Seq(m)] = true
		if deliveries++; deliveries%150 == 100 {
			r.stop()
			m.Ack() // while the server is away
			r.start()
		} else {
			m.Ack()
		}
	}
	if deliveries > last+5 {
		t.Errorf("%d deliveries of %d messages", deliveries, last)
	}
}

func TestSubscribeErrors(t *testing.T) {
	t.Parallel()
	s := start(t)
	js := connect(t, s)
	makeWork(t, js, time.Minute)
	sub := newSubscriber(t, js, bus.SubscriberConfig{})
	if _, err := js.CreateConsumer(t.Context(), "WORK", jetstream.ConsumerConfig{Durable: "careless", AckPolicy: jetstream.AckNonePolicy}); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]error{
		"WORK":          bus.ErrBadTopic,
		"/worker":       bus.ErrBadTopic,
		"WORK/":         bus.ErrBadTopic,
		"WORK/a/b":      bus.ErrBadTopic,
		"WORK/nobody":   jetstream.ErrConsumerNotFound,
		"NONE/worker":   jetstream.ErrStreamNotFound,
		"WORK/careless": bus.ErrAckPolicy,
	} {
		if _, err := sub.Subscribe(t.Context(), topic); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", topic, err, want)
		}
	}

	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	cut := newSubscriber(t, newJetStream(t, conn), bus.SubscriberConfig{})
	messages := subscribe(t, t.Context(), cut)
	conn.Close()
	if m, open := <-messages; open {
		t.Errorf("message %d on a closed connection", bus.Seq(m))
	}
	if err := cut.Err(); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("closed connection: %v", err)
	}
}

// A consumer that is gone for good ends the subscription, and says why.
func TestConsumerGone(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeWork(t, js, time.Minute)
	s := newSubscriber(t, js, bus.SubscriberConfig{})
	messages := subscribe(t, t.Context(), s)
	if err := js.DeleteConsumer(t.Context(), "WORK", worker); err != nil {
		t.Fatal(err)
	}
	select {
	case <-messages:
	case <-time.After(30 * time.Second):
		t.Fatal("still waiting for messages")
	}
	if err := s.Err(); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("got %v", err)
	}
}

// Workers in other processes share the messages of a consumer: each message once.
func TestWorkersShare(t *testing.T) {
	t.Parallel()
	s := start(t)
	js := connect(t, s)
	makeWork(t, js, time.Minute)
	const last = 300
	fill(t, js, last, "work.a")
	seen := make(chan string, 2*last)
	for i := range 3 {
		sub := newSubscriber(t, connect(t, s), bus.SubscriberConfig{})
		messages := subscribe(t, t.Context(), sub)
		go func() {
			for m := range messages {
				m.Ack()
				seen <- fmt.Sprintf("%d by %d", bus.Seq(m), i)
			}
		}()
	}
	got := map[string]bool{}
	for range last {
		seq, _, _ := strings.Cut(await(t, "message", seen), " ")
		if got[seq] {
			t.Errorf("%s twice", seq)
		}
		got[seq] = true
	}
}
