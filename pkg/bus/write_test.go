package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
)

func TestPublishOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	js := connect(t, s)
	log := makeStream(t, js, jetstream.StreamConfig{Name: "ANALYSES", Subjects: []string{"analyses.>"}})
	var first atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		mine := connect(t, s)
		all.Go(func() {
			won, err := bus.PublishOnce(t.Context(), mine, "analyses.live.1", fmt.Append(nil, i))
			if err != nil {
				t.Error(err)
			}
			if won {
				first.Add(1)
			}
		})
	}
	all.Wait()
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first.Load() != 1 || info.State.Msgs != 1 {
		t.Errorf("%d were first, %d messages stored, want 1 and 1", first.Load(), info.State.Msgs)
	}
	if won, err := bus.PublishOnce(t.Context(), js, "analyses.live.2", nil); !won || err != nil {
		t.Errorf("another subject: %t, %v", won, err)
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "WINDOWS", Subjects: []string{"windows.>"}})
	fill(t, js, 1, "windows.other") // so that the chain doesn't begin at 1

	one, err := bus.Append(t.Context(), js, "windows.live", []byte("one"), 0)
	if err != nil || one != 2 {
		t.Fatalf("first: %d, %v", one, err)
	}
	two, err := bus.Append(t.Context(), js, "windows.live", []byte("two"), one)
	if err != nil || two != 3 {
		t.Fatalf("second: %d, %v", two, err)
	}
	for _, stale := range []uint64{0, one, two + 1} {
		if _, err := bus.Append(t.Context(), js, "windows.live", []byte("late"), stale); !errors.Is(err, bus.ErrConflict) {
			t.Errorf("expecting %d: %v, want ErrConflict", stale, err)
		}
	}
	e, found, err := bus.Last(t.Context(), js, "WINDOWS", "windows.live")
	if err != nil || !found || e.Seq != two || string(e.Data) != "two" || e.Stream != "WINDOWS" || e.Subject != "windows.live" || e.Stored.IsZero() {
		t.Errorf("last: %+v, %t, %v", e, found, err)
	}
}

// Whichever way an entry is read, it is the same.
func TestLastIsWhatScanGives(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	for _, direct := range []bool{false, true} {
		name := fmt.Sprintf("LOG-%t", direct)
		makeStream(t, js, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, AllowDirect: direct})
		fill(t, js, 3, name+".a", name+".b")
		last, found, err := bus.Last(t.Context(), js, name, name+".*")
		if err != nil || !found {
			t.Fatalf("%t, %v", found, err)
		}
		for scanned, err := range bus.Scan(t.Context(), js, bus.Range{Stream: name, Lo: 3, Hi: 3}) {
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(scanned, last); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	if _, _, err := bus.Last(t.Context(), js, "NONE", "x"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("no stream: %v", err)
	}
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	if _, found, err := bus.Last(t.Context(), js, "LOG", "log.a"); found || err != nil {
		t.Errorf("nothing there: %t, %v", found, err)
	}
	if won, err := bus.PublishOnce(t.Context(), js, "nowhere", nil); won || !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("no stream takes it: %t, %v", won, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if won, err := bus.PublishOnce(ctx, js, "log.a", nil); won || !errors.Is(err, context.Canceled) {
		t.Errorf("ctx is over: %t, %v", won, err)
	}
}
