package planner_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/pkg/window"
)

// someLog is a log of about n entries with bursts and quiet times, which ends in a
// heartbeat that closes all.
func someLog(n int) []window.Entry {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	var entries []window.Entry
	second := 0
	for range n {
		second += r.IntN(9)
		if r.IntN(20) == 0 {
			second += 120
		}
		entries = append(entries, entry(second-r.IntN(3), r.IntN(4) > 0))
	}
	return append(entries, entry(second+600, false))
}

// compare waits for the chains and compares them with those of one uninterrupted
// planner.
func compare(t *testing.T, store topology.Store, r event.Rules, entries []window.Entry) {
	t.Helper()
	windows, periods := planned(t, store, r, entries)
	if len(windows) == 0 || len(periods) == 0 {
		t.Fatal("the log closes nothing")
	}
	if diff := cmp.Diff(windows, chain[event.Window](t, store, topology.Windows, topology.WindowsSubject(event.RunLive, store.Epoch), len(windows))); diff != "" {
		t.Errorf("windows (-uninterrupted +got):\n%s", diff)
	}
	if diff := cmp.Diff(periods, chain[event.Period](t, store, topology.Periods, topology.PeriodsSubject(event.RunLive, store.Epoch), len(periods))); diff != "" {
		t.Errorf("periods (-uninterrupted +got):\n%s", diff)
	}
}

func TestPlansTheLog(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(10*time.Second, time.Minute)
	entries := someLog(300)
	p := newPlanner(t, store, r)
	start(t, p)
	publish(t, store.JetStream, entries)
	compare(t, store, r, entries)
	last := entries[len(entries)-1].Seq
	testkit.Eventually(t, patience, "all of the log is planned", func() bool { return p.Read() == last })
}

// TestKilledAnywhere kills the planner at every descriptor it publishes, before or
// after that is stored, each time starting a new one from what there is.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		for _, every := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("stored %t, after %d", stored, every), func(t *testing.T) {
				t.Parallel()
				store, r := testkit.Store(t), rules(10*time.Second, time.Minute)
				entries := someLog(150)
				publish(t, store.JetStream, entries)
				windows, periods := planned(t, store, r, entries)
				kills := 0
				for done := 0; done < len(windows)+len(periods); {
					life := store
					life.JetStream = &mortal{JetStream: store.JetStream, left: every + 1, stored: stored}
					if done+every >= len(windows)+len(periods) { // the last one lives
						life.JetStream = store.JetStream
						start(t, newPlanner(t, life, r))
						break
					}
					if err := newPlanner(t, life, r).Run(t.Context()); !errors.Is(err, errKilled) {
						t.Fatalf("killed planner returned %v", err)
					}
					kills++
					if done += every; stored {
						done++
					}
				}
				compare(t, store, r, entries)
				if kills < 5 {
					t.Errorf("killed only %d times", kills)
				}
			})
		}
	}
}

func TestManyPlannersAtOnce(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(10*time.Second, time.Minute)
	for range 3 {
		start(t, newPlanner(t, store, r))
	}
	entries := someLog(400)
	publish(t, store.JetStream, entries)
	compare(t, store, r, entries)
}

// TestResumesBehindManyWindows: a planner that starts finds its windows among those
// of many periods and of replays.
func TestResumesBehindManyWindows(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(time.Second, time.Minute)
	var entries []window.Entry
	for _, until := range []int{1, 50, 130, 200, 490, 500} {
		before := len(entries)
		for second := before; second < until; second++ {
			entries = append(entries, entry(second, true))
			if second%7 == 0 {
				if _, err := store.JetStream.Publish(t.Context(), topology.WindowsSubject(fmt.Sprintf("r-%d", second), store.Epoch), []byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
		}
		publish(t, store.JetStream, entries[before:])
		p := newPlanner(t, store, r)
		stop := start(t, p)
		last := entries[len(entries)-1].Seq
		testkit.Eventually(t, patience, "all of the log is planned", func() bool { return p.Read() == last })
		stop()
	}
	compare(t, store, r, entries)
}

// An entry that isn't ours must not stop the plan.
func TestForeignEntry(t *testing.T) {
	t.Parallel()
	store, r := testkit.Store(t), rules(10*time.Second, time.Minute)
	entries := someLog(40)
	publish(t, store.JetStream, entries[:20])
	if _, err := store.JetStream.PublishMsg(t.Context(), &nats.Msg{Subject: "failures.quota", Header: nats.Header{topology.LiveHeader: {"1"}}, Data: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	publish(t, store.JetStream, entries[20:])
	start(t, newPlanner(t, store, r))
	compare(t, store, r, entries)
}

func TestUnknownZone(t *testing.T) {
	t.Parallel()
	r := rules(time.Second, time.Minute)
	r.Zone = "Mars/Olympus"
	if err := newPlanner(t, testkit.Store(t), r).Run(t.Context()); err == nil {
		t.Error("no error")
	}
}
