package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/topology"
)

const leaseTTL = 2 * time.Second

func makeState(t *testing.T, js jetstream.JetStream) jetstream.KeyValue {
	t.Helper()
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: topology.State})
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func openState(t *testing.T, js jetstream.JetStream) jetstream.KeyValue {
	t.Helper()
	kv, err := js.KeyValue(t.Context(), topology.State)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// tenancy is a holder of the lease "job" in the background.
type tenancy struct {
	began chan time.Time // each time fn starts
	ended chan error     // the cause, each time the context of fn ends
	done  chan error     // what Hold returned
}

// hold runs fn until its context ends. busy counts how many do so at once.
func hold(ctx context.Context, kv jetstream.KeyValue, holder string, busy *atomic.Int32) *tenancy {
	h := &tenancy{began: make(chan time.Time, 10), ended: make(chan error, 10), done: make(chan error, 1)}
	go func() {
		h.done <- bus.Hold(ctx, kv, "job", holder, leaseTTL, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			if busy.Add(1) > 1 {
				return errors.New("two holders at once")
			}
			h.began <- time.Now()
			<-ctx.Done()
			busy.Add(-1)
			h.ended <- context.Cause(ctx)
			return ctx.Err()
		})
	}()
	return h
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(15 * time.Second):
		t.Fatalf("%s: not within 15 s", what)
	}
	panic("unreachable")
}

func TestHoldOneAtATime(t *testing.T) {
	t.Parallel()
	s := start(t)
	js := connect(t, s)
	makeState(t, js)
	var busy atomic.Int32
	first, stopFirst := context.WithCancel(t.Context())
	second, stopSecond := context.WithCancel(t.Context())
	defer stopFirst()
	defer stopSecond()

	a := hold(first, openState(t, connect(t, s)), "a", &busy)
	await(t, "a begins", a.began)
	b := hold(second, openState(t, connect(t, s)), "b", &busy)

	// It is kept for much longer than its ttl.
	select {
	case <-b.began:
		t.Fatal("b took a lease that is held")
	case err := <-a.done:
		t.Fatalf("a ended: %v", err)
	case <-time.After(3 * leaseTTL):
	}

	// Who ends in order leaves it free at once.
	stopFirst()
	if err := await(t, "a returns", a.done); err != nil {
		t.Errorf("a: %v", err)
	}
	released := time.Now()
	if took := await(t, "b begins", b.began).Sub(released); took > leaseTTL/2 {
		t.Errorf("b needed %s after a release", took)
	}
	stopSecond()
	if err := await(t, "b returns", b.done); err != nil {
		t.Errorf("b: %v", err)
	}
}

// The connection of the holder dies: it has to stop before the other starts.
func TestHoldAfterAKill(t *testing.T) {
	t.Parallel()
	s := start(t)
	makeState(t, connect(t, s))
	var busy atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	doomed, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	a := hold(ctx, openState(t, newJetStream(t, doomed)), "a", &busy)
	await(t, "a begins", a.began)
	b := hold(ctx, openState(t, connect(t, s)), "b", &busy)

	doomed.Close()
	killed := time.Now()
	cause := await(t, "fn of a ends", a.ended)
	ended := time.Now()
	if !errors.Is(cause, bus.ErrLeaseLost) {
		t.Errorf("cause: %v", cause)
	}
	if took := ended.Sub(killed); took >= leaseTTL {
		t.Errorf("a went on for %s without a connection, ttl is %s", took, leaseTTL)
	}
	began := await(t, "b begins", b.began)
	if began.Before(ended) {
		t.Errorf("b began %s before a ended", ended.Sub(began))
	}
	if took := began.Sub(killed); took > 3*leaseTTL {
		t.Errorf("b needed %s, ttl is %s", took, leaseTTL)
	}
	if err := await(t, "a returns", a.done); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("a: %v", err)
	}
	cancel()
	if err := await(t, "b returns", b.done); err != nil {
		t.Errorf("b: %v", err)
	}
}

// The server goes away for longer than ttl and comes back: the lease is lost, and
// taken again.
func TestHoldThroughAnOutage(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	js := newJetStream(t, r.connect())
	kv := makeState(t, js)
	var busy atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := hold(ctx, kv, "a", &busy)
	await(t, "begins", h.began)
	r.stop()
	if cause := await(t, "ends", h.ended); !errors.Is(cause, bus.ErrLeaseLost) {
		t.Errorf("cause: %v", cause)
	}
	r.start()
	await(t, "begins again", h.began)
	cancel()
	if err := await(t, "returns", h.done); err != nil {
		t.Error(err)
	}
}

// A restart shorter than ttl is not noticed.
func TestHoldThroughARestart(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	kv := makeState(t, newJetStream(t, r.connect()))
	lost := errors.New("lost")
	err := bus.Hold(t.Context(), kv, "job", "a", 6*time.Second, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		r.stop()
		r.start()
		select {
		case <-ctx.Done():
			return lost
		case <-time.After(5 * time.Second): // without a renewal it would be lost by now
			return nil
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHoldReturnsWhatFnReturns(t *testing.T) {
	t.Parallel()
	kv := makeState(t, connect(t, start(t)))
	broken := errors.New("broken")
	for _, want := range []error{nil, broken, nil} { // free after each
		err := bus.Hold(t.Context(), kv, "job", "a", time.Hour, slog.New(slog.DiscardHandler), func(context.Context) error { return want })
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bus.Hold(ctx, kv, "job", "a", time.Second, slog.New(slog.DiscardHandler), func(context.Context) error { return broken }); err != nil {
		t.Errorf("ctx is over: %v", err)
	}
}
