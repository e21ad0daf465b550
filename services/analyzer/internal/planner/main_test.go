package planner_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/pkg/window"
	"github.com/faultwire/faultwire/services/analyzer/internal/planner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func newPlanner(t *testing.T, store topology.Store, rules event.Rules) *planner.Planner {
	t.Helper()
	p, err := planner.New(store, rules, testkit.Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rules(w, every time.Duration) event.Rules {
	return event.Rules{Window: event.Duration(w), Every: event.Duration(every), Zone: "UTC"}
}

var began = time.Date(2026, 11, 23, 9, 58, 0, 0, time.UTC)

// entry is an entry of the log, seconds after began.
func entry(second int, live bool) window.Entry {
	return window.Entry{Header: event.Header{Time: began.Add(time.Duration(second) * time.Second), Live: live, Position: event.Position{System: "7", Timeline: 1}}}
}

// publish appends entries to the log and fills in their sequences.
func publish(t *testing.T, js jetstream.JetStream, entries []window.Entry) {
	t.Helper()
	for i := range entries {
		e := &entries[i]
		m := nats.NewMsg(topology.HeartbeatSubject)
		if e.Header.Live {
			m.Subject = topology.FailureSubject(event.ClassQuota)
		}
		topology.WriteHeader(m.Header, e.Header)
		ack, err := js.PublishMsg(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq = ack.Sequence
	}
}

// planned is what one uninterrupted planner makes of entries.
func planned(t *testing.T, store topology.Store, r event.Rules, entries []window.Entry) (windows []event.Window, periods []event.Period) {
	t.Helper()
	p, err := window.Resume(window.Chain{}, r, event.RunLive, store.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
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

// chain reads the first n descriptors on subject, waiting for them, and whether
// there are more.
func chain[T any](t *testing.T, store topology.Store, stream, subject string, n int) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := []T{}
	for e, err := range bus.Follow(ctx, store.JetStream, stream, subject, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		d, err := event.Decode[T](e.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, d); len(got) == n {
			break
		}
	}
	if len(got) < n {
		t.Fatalf("%s has %d descriptors after %s, want %d", subject, len(got), patience, n)
	}
	handle, err := store.JetStream.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := handle.Info(t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		t.Fatal(err)
	}
	if all := info.State.Subjects[subject]; all != uint64(n) {
		t.Fatalf("%s has %d descriptors, want %d", subject, all, n)
	}
	return got
}

// start runs p until the test or the returned function ends it; an error of p fails
// the test.
func start(t *testing.T, p *planner.Planner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

var errKilled = errors.New("killed")

// mortal is a JetStream on which everything fails from the publish number left on,
// as after kill -9: before it is stored, or after it is stored and before the answer.
type mortal struct {
	jetstream.JetStream
	left   int
	stored bool
	dead   bool
}

func (m *mortal) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if !strings.HasPrefix(msg.Subject, "windows.") && !strings.HasPrefix(msg.Subject, "periods.") {
		return m.JetStream.PublishMsg(ctx, msg, opts...)
	}
	if m.dead {
		return nil, errKilled
	}
	if m.left--; m.left > 0 {
		return m.JetStream.PublishMsg(ctx, msg, opts...)
	}
	m.dead = true
	if m.stored {
		if _, err := m.JetStream.PublishMsg(ctx, msg, opts...); err != nil {
			return nil, err
		}
	}
	return nil, errKilled
}
