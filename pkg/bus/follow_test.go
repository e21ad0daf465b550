package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
)

// follower runs Follow in the background; every entry arrives on entries, which is
// closed when it ends.
type follower struct {
	entries chan bus.Entry
	err     error // valid once entries is closed
}

func follow(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64) *follower {
	f := &follower{entries: make(chan bus.Entry)}
	go func() {
		defer close(f.entries)
		for e, err := range bus.Follow(ctx, js, stream, filter, from, false) {
			if err != nil {
				f.err = err
				return
			}
			select {
			case f.entries <- e:
			case <-ctx.Done():
			}
		}
	}()
	return f
}

// next waits for the next entry.
func (f *follower) next(t *testing.T) bus.Entry {
	t.Helper()
	select {
	case e, open := <-f.entries:
		if !open {
			t.Fatalf("it ended: %v", f.err)
		}
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("no entry within 30 s")
	}
	return bus.Entry{}
}

// ended waits for the end, which has to come within d.
func (f *follower) ended(t *testing.T, d time.Duration) error {
	t.Helper()
	timeout := time.After(d)
	for {
		select {
		case _, open := <-f.entries:
			if !open {
				return f.err
			}
		case <-timeout:
			t.Fatalf("it has not ended after %s", d)
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	log := makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 1500, "log.a", "log.b")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := follow(ctx, js, "LOG", "log.b", 7)
	for want := uint64(8); want <= 1500; want += 2 {
		if e := f.next(t); e.Seq != want {
			t.Fatalf("got %d, want %d", e.Seq, want)
		}
	}
	fill(t, js, 3, "log.a", "log.b") // 1501..1503, live
	e := f.next(t)
	if e.Seq != 1502 || string(e.Data) != "2" {
		t.Errorf("live: %+v", e)
	}
	if delay := time.Since(e.Stored); delay > 500*time.Millisecond {
		t.Errorf("it took %s from the stream to us", delay)
	}
	cancel()
	if err := f.ended(t, time.Second); err != nil {
		t.Errorf("the end of ctx is no error: %v", err)
	}
	if names := consumerNames(t, log); len(names) != 0 {
		t.Errorf("consumers left behind: %v", names)
	}
}

// A start past the end means: from there on.
func TestFollowFromTheFuture(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 2, "log.a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := follow(ctx, js, "LOG", "", 5)
	fill(t, js, 4, "log.a") // 3..6
	if diff := cmp.Diff([]uint64{5, 6}, []uint64{f.next(t).Seq, f.next(t).Seq}); diff != "" {
		t.Error(diff)
	}
	cancel()
	if err := f.ended(t, time.Second); err != nil {
		t.Error(err)
	}
}

// The loop body decides when it ends.
func TestFollowBreak(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 10, "log.a")
	n := 0
	for _, err := range bus.Follow(t.Context(), js, "LOG", "", 0, true) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}

func TestFollowErrors(t *testing.T) {
	t.Parallel()
	s := start(t)
	js := connect(t, s)
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 1, "log.a")
	if err := follow(t.Context(), js, "NONE", "", 1).ended(t, 5*time.Second); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("no stream: %v", err)
	}
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t.Context(), newJetStream(t, conn), "LOG", "", 1)
	f.next(t)
	conn.Close()
	if err := f.ended(t, 5*time.Second); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("closed connection: %v", err)
	}
}

// Nothing is lost or doubled while the server restarts and the connection breaks,
// with or without a restart.
func TestFollowThroughInterruptions(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	reader, writer := r.connect(), newJetStream(t, r.connect())
	makeStream(t, writer, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := follow(ctx, newJetStream(t, reader), "LOG", "log.>", 1)
	const last = 6000
	published := make(chan error, 1)
	go func() { published <- publishUpTo(ctx, writer, last) }()

	for want := uint64(1); want <= last; want++ {
		e := f.next(t)
		if e.Seq != want || string(e.Data) != fmt.Sprint(want) {
			t.Fatalf("got %d %q, want %d", e.Seq, e.Data, want)
		}
		switch {
		case want%2000 == 500:
			r.stop()
			r.start()
		case want%700 == 0:
			if err := reader.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	// It is quiet now. An interruption must not make it deaf.
	r.stop()
	r.start()
	if _, err := bus.Append(ctx, writer, "log.a", []byte("after"), last); err != nil {
		t.Fatal(err)
	}
	if e := f.next(t); e.Seq != last+1 || string(e.Data) != "after" {
		t.Errorf("after the last restart: %d %q", e.Seq, e.Data)
	}
	cancel()
	if err := f.ended(t, 2*time.Second); err != nil {
		t.Error(err)
	}
}

// publishUpTo appends 1..last; whatever happens meanwhile, each is stored once.
func publishUpTo(ctx context.Context, js jetstream.JetStream, last uint64) error {
	for n := uint64(1); n <= last; {
		try, cancel := context.WithTimeout(ctx, time.Second)
		_, err := bus.Append(try, js, "log.a", fmt.Append(nil, n), n-1)
		cancel()
		switch {
		case err == nil, errors.Is(err, bus.ErrConflict): // stored, the answer was lost
			n++
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}
