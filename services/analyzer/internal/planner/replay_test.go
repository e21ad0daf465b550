package planner_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

func marker(t *testing.T, end event.ReplayEnd) []byte {
	t.Helper()
	data, err := event.Encode(&end)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReplay(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(5*time.Minute, time.Hour)
	end := event.ReplayEnd{
		V: event.Version, Request: event.ReplayRequest{V: event.Version, ID: "r-1", Asked: began.Add(time.Minute)},
		Start: began.Add(-24 * time.Hour), End: began, Lo: 3, Hi: 9, N: 7,
	}
	data := marker(t, end)
	// A redelivery, and another planner, publish nothing again.
	for range 2 {
		p := newPlanner(t, store, r)
		for range 2 {
			if err := p.Replay(t.Context(), data); err != nil {
				t.Fatal(err)
			}
		}
	}
	windows := []event.Window{{V: event.Version, Run: "r-1", Epoch: store.Epoch, Start: end.Start, End: end.Request.Asked, Lo: 3, Hi: 9, N: 7, Rules: r}}
	periods := []event.Period{{
		V: event.Version, Run: "r-1", Epoch: store.Epoch, Start: end.Start, End: end.End, Lo: 3, Hi: 9, N: 7, First: end.Start, Last: end.Start, Rules: r,
	}}
	if diff := cmp.Diff(windows, chain[event.Window](t, store, topology.Windows, topology.WindowsSubject("r-1", store.Epoch), 1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(periods, chain[event.Period](t, store, topology.Periods, topology.PeriodsSubject("r-1", store.Epoch), 1)); diff != "" {
		t.Error(diff)
	}
}

// TestReplayKilled: whatever was published before the crash, the redelivery
// completes it, the window before the period.
func TestReplayKilled(t *testing.T) {
	t.Parallel()
	r := rules(5*time.Minute, time.Hour)
	for left := 1; left <= 2; left++ {
		for _, stored := range []bool{false, true} {
			store := testkit.Store(t)
			data := marker(t, event.ReplayEnd{V: event.Version, Request: event.ReplayRequest{ID: "r-1"}, Start: began, End: began, Lo: 1, Hi: 1, N: 1})
			life := store
			life.JetStream = &mortal{JetStream: store.JetStream, left: left, stored: stored}
			if err := newPlanner(t, life, r).Replay(t.Context(), data); !errors.Is(err, errKilled) || bus.IsPermanent(err) {
				t.Fatalf("got %v", err)
			}
			if err := newPlanner(t, store, r).Replay(t.Context(), data); err != nil {
				t.Fatal(err)
			}
			chain[event.Window](t, store, topology.Windows, topology.WindowsSubject("r-1", store.Epoch), 1)
			chain[event.Period](t, store, topology.Periods, topology.PeriodsSubject("r-1", store.Epoch), 1)
		}
	}
}

func TestReplayWithoutRows(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(5*time.Minute, time.Hour)
	data := marker(t, event.ReplayEnd{V: event.Version, Request: event.ReplayRequest{ID: "r-2"}, Start: began, End: began.Add(time.Hour), Lo: 1, Hi: 0})
	if err := newPlanner(t, store, r).Replay(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	got := chain[event.Period](t, store, topology.Periods, topology.PeriodsSubject("r-2", store.Epoch), 1)[0]
	if got.N != 0 || !got.First.IsZero() || !got.Last.IsZero() {
		t.Errorf("period %+v", got)
	}
	if _, found, err := bus.Last(t.Context(), store.JetStream, topology.Windows, topology.AllWindows); err != nil || found {
		t.Errorf("there is a window: %v, %v", found, err)
	}
}

func TestBadMarkers(t *testing.T) {
	t.Parallel()
	p := newPlanner(t, testkit.Store(t), rules(5*time.Minute, time.Hour))
	for name, test := range map[string]struct {
		data      []byte
		permanent bool
	}{
		"no JSON":             {[]byte("?"), true},
		"a later version":     {[]byte(`{"v": 99}`), false},
		"no id":               {marker(t, event.ReplayEnd{V: event.Version}), true},
		"the id of live runs": {marker(t, event.ReplayEnd{V: event.Version, Request: event.ReplayRequest{ID: event.RunLive}, N: 1}), true},
	} {
		if err := p.Replay(t.Context(), test.data); err == nil || bus.IsPermanent(err) != test.permanent {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
