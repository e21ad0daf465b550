package window_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/window"
)

const day = "2026-11-23T"

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func failure(seq uint64, when string) window.Entry {
	return window.Entry{Seq: seq, Header: event.Header{Time: at(when), Live: true}}
}

func heartbeat(seq uint64, when string) window.Entry {
	return window.Entry{Seq: seq, Header: event.Header{Time: at(when)}}
}

func gap(seq uint64, when string) window.Entry {
	return window.Entry{Seq: seq, Header: event.Header{Time: at(when), Gap: true}}
}

func rules(w, every time.Duration, zone string) event.Rules {
	return event.Rules{Window: event.Duration(w), Every: event.Duration(every), Zone: zone}
}

// run feeds entries to a planner behind chain and returns all it closed.
func run(t interface{ Fatal(...any) }, chain window.Chain, r event.Rules, entries []window.Entry) []window.Closed {
	p, err := window.Resume(chain, r, event.RunLive, "e1")
	if err != nil {
		t.Fatal(err)
	}
	var closed []window.Closed
	for _, e := range entries {
		closed = append(closed, p.Step(e)...)
	}
	return closed
}

// span is what tests compare of a window or period.
type span struct {
	Kind       string
	Start, End string
	Lo, Hi     uint64
	N          int
}

func spans(closed []window.Closed) []span {
	var s []span
	for _, c := range closed {
		if w := c.Window; w != nil {
			s = append(s, span{"window" + incomplete(w.Gap), w.Start.Format(time.TimeOnly), w.End.Format(time.TimeOnly), w.Lo, w.Hi, w.N})
		} else {
			s = append(s, span{"period" + incomplete(c.Period.Gap), c.Period.Start.Format(time.TimeOnly), c.Period.End.Format(time.TimeOnly), c.Period.Lo, c.Period.Hi, c.Period.N})
		}
	}
	return s
}

func incomplete(gap bool) string {
	if gap {
		return ", incomplete"
	}
	return ""
}

func TestStep(t *testing.T) {
	t.Parallel()
	five := rules(5*time.Minute, 15*time.Minute, "UTC")
	for name, test := range map[string]struct {
		entries []window.Entry
		want    []span
	}{
		"a failure past the end closes": {
			[]window.Entry{failure(1, day+"10:01:00Z"), failure(2, day+"10:04:59Z"), failure(3, day+"10:05:00Z")},
			[]span{{"window", "10:00:00", "10:05:00", 1, 2, 2}},
		},
		"a heartbeat past the end closes, and belongs to what follows": {
			[]window.Entry{heartbeat(1, day+"10:00:00Z"), failure(2, day+"10:01:00Z"), heartbeat(3, day+"10:05:00Z"), heartbeat(4, day+"10:05:05Z")},
			[]span{{"window", "10:00:00", "10:05:00", 1, 2, 1}},
		},
		"what is committed earlier but read later is in the window of its reading": {
			[]window.Entry{failure(1, day+"10:05:01Z"), failure(2, day+"10:04:59Z"), heartbeat(3, day+"10:10:00Z")},
			[]span{{"window", "10:05:00", "10:10:00", 1, 2, 2}},
		},
		"empty windows are left out, empty periods are not": {
			[]window.Entry{failure(1, day+"10:01:00Z"), heartbeat(2, day+"10:31:00Z"), failure(3, day+"10:31:30Z"), heartbeat(4, day+"10:45:00Z")},
			[]span{
				{"window", "10:00:00", "10:05:00", 1, 1, 1},
				{"period", "10:00:00", "10:15:00", 1, 1, 1},
				{"period", "10:15:00", "10:30:00", 2, 1, 0},
				{"window", "10:30:00", "10:35:00", 2, 3, 1},
				{"period", "10:30:00", "10:45:00", 2, 3, 1},
			},
		},
		"history is in the range but not counted": {
			[]window.Entry{heartbeat(7, day+"10:01:00Z"), {Seq: 8, Header: event.Header{Time: at(day + "10:02:00Z")}}, failure(9, day+"10:02:00Z"), heartbeat(10, day+"10:15:00Z")},
			[]span{{"window", "10:00:00", "10:05:00", 7, 9, 1}, {"period", "10:00:00", "10:15:00", 1, 9, 1}},
		},
		"a gap marks the window it is named in": {
			[]window.Entry{failure(1, day+"10:01:00Z"), gap(2, day+"10:02:00Z"), failure(3, day+"10:06:00Z"), heartbeat(4, day+"10:10:00Z")},
			[]span{{"window, incomplete", "10:00:00", "10:05:00", 1, 2, 1}, {"window", "10:05:00", "10:10:00", 3, 3, 1}},
		},
		"a gap in a window without failures marks the next of its period": {
			[]window.Entry{gap(1, day+"10:01:00Z"), failure(2, day+"10:06:00Z"), gap(3, day+"10:11:00Z"), failure(4, day+"10:16:00Z"), heartbeat(5, day+"10:30:00Z")},
			[]span{
				{"window, incomplete", "10:05:00", "10:10:00", 2, 2, 1},
				{"period, incomplete", "10:00:00", "10:15:00", 1, 3, 1},
				{"window", "10:15:00", "10:20:00", 4, 4, 1},
				{"period", "10:15:00", "10:30:00", 4, 4, 1},
			},
		},
		"an entry seen before is ignored": {
			[]window.Entry{failure(1, day+"10:01:00Z"), failure(1, day+"10:09:00Z"), heartbeat(2, day+"10:05:00Z")},
			[]span{{"window", "10:00:00", "10:05:00", 1, 1, 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, spans(run(t, window.Chain{}, five, test.entries))); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPeriodsFollowTheCalendar(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		zone       string
		every      time.Duration
		from, to   string
		boundaries []string // local starts of the periods that closed
	}{
		"a day that loses an hour": {
			"Europe/Berlin", 6 * time.Hour, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
			[]string{"29 00:00", "29 07:00", "29 13:00", "29 19:00"},
		},
		"a day that gains an hour ends at midnight": {
			"Europe/Berlin", 24 * time.Hour, "2026-10-25T00:00:00+02:00", "2026-10-27T00:00:00+01:00",
			[]string{"25 00:00", "25 23:00", "26 00:00"},
		},
		"midnight that doesn't exist": {
			"America/Santiago", 12 * time.Hour, "2026-09-05T12:00:00-04:00", "2026-09-07T00:00:00-03:00",
			[]string{"05 12:00", "06 01:00", "06 13:00"},
		},
		"every that doesn't divide a day": {
			"Asia/Kathmandu", 7 * time.Hour, "2026-11-23T00:00:00+05:45", "2026-11-24T07:00:00+05:45",
			[]string{"23 00:00", "23 07:00", "23 14:00", "23 21:00", "24 00:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range run(t, window.Chain{}, rules(15*time.Minute, test.every, test.zone), []window.Entry{heartbeat(1, test.from), heartbeat(2, test.to)}) {
				got = append(got, c.Period.Start.In(zone).Format("02 15:04"))
			}
			if diff := cmp.Diff(test.boundaries, got); diff != "" {
				t.Errorf("periods began (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownZone(t *testing.T) {
	t.Parallel()
	if _, err := window.Resume(window.Chain{}, rules(time.Minute, time.Hour, "Mars/Olympus"), event.RunLive, "e1"); err == nil {
		t.Error("no error")
	}
	if _, err := window.Resume(window.Chain{}, rules(0, time.Hour, "UTC"), event.RunLive, "e1"); err == nil {
		t.Error("no error for a window of 0")
	}
}

var someRules = rapid.Custom(func(t *rapid.T) event.Rules {
	w := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}).Draw(t, "window")
	every := w * time.Duration(rapid.IntRange(1, 8).Draw(t, "windows in a period"))
	return rules(w, every, rapid.SampledFrom([]string{"UTC", "Asia/Shanghai", "Asia/Kathmandu", "America/Santiago", "Europe/Berlin"}).Draw(t, "zone"))
})

// someLog draws a log whose times mostly rise, sometimes jump, sometimes fall.
func someLog(t *rapid.T) []window.Entry {
	now := at("2026-03-28T22:30:00Z")
	seq := rapid.Uint64Range(1, 1000).Draw(t, "first")
	var entries []window.Entry
	for range rapid.IntRange(1, 60).Draw(t, "entries") {
		now = now.Add(time.Duration(rapid.OneOf(rapid.IntRange(0, 60), rapid.IntRange(-30, 4000)).Draw(t, "seconds")) * time.Second)
		h := event.Header{Time: now, Live: rapid.Bool().Draw(t, "live")}
		h.Gap = !h.Live && rapid.IntRange(0, 3).Draw(t, "gap") == 0
		entries = append(entries, window.Entry{Seq: seq, Header: h})
		seq += rapid.Uint64Range(1, 3).Draw(t, "step")
	}
	return entries
}

// chainOf is what a planner finds when it starts after closed was published.
func chainOf(closed []window.Closed) window.Chain {
	var c window.Chain
	for i := range closed {
		if closed[i].Period != nil {
			c.Period, c.Windows = closed[i].Period, nil
		} else {
			c.Windows = append(c.Windows, *closed[i].Window)
		}
	}
	return c
}

// TestResumeAnywhere stops the planner after any descriptor and resumes it from
// the chain: it must publish exactly what an uninterrupted one does.
func TestResumeAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, entries := someRules.Draw(t, "rules"), someLog(t)
		whole := run(t, window.Chain{}, r, entries)
		cut := rapid.IntRange(0, len(whole)).Draw(t, "published before the crash")
		chain := chainOf(whole[:cut])
		p, err := window.Resume(chain, r, event.RunLive, "e1")
		if err != nil {
			t.Fatal(err)
		}
		rest := append([]window.Closed(nil), whole[:cut]...)
		for _, e := range entries {
			if e.Seq >= p.Next() {
				rest = append(rest, p.Step(e)...)
			}
		}
		if diff := cmp.Diff(whole, rest); diff != "" {
			t.Fatalf("resumed after %d descriptors (-uninterrupted +resumed):\n%s", cut, diff)
		}
	})
}

// TestPartition holds, also when the rules change at a restart: windows and
// periods don't overlap, follow the log's order, and their n add up.
func TestPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := someLog(t)
		change := rapid.IntRange(0, len(entries)).Draw(t, "rules change after")
		closed := run(t, window.Chain{}, someRules.Draw(t, "before"), entries[:change])
		closed = append(closed, run(t, chainOf(closed), someRules.Draw(t, "after"), entries)...)

		live := func(lo, hi uint64) (n int) {
			for _, e := range entries {
				if e.Header.Live && lo <= e.Seq && e.Seq <= hi {
					n++
				}
			}
			return n
		}
		gaps := func(lo, hi uint64) bool {
			return slices.ContainsFunc(entries, func(e window.Entry) bool { return e.Header.Gap && lo <= e.Seq && e.Seq <= hi })
		}
		var lastWindow event.Window
		lastPeriod, inPeriod, begun := event.Period{}, 0, false
		for _, c := range closed {
			if w := c.Window; w != nil {
				if w.N != live(w.Lo, w.Hi) || w.N == 0 {
					t.Fatalf("window %v holds %d live failures", w, live(w.Lo, w.Hi))
				}
				if w.Lo <= lastWindow.Hi || w.Start.Before(lastWindow.End) || !w.End.After(w.Start) {
					t.Fatalf("window %v follows %v", w, lastWindow)
				}
				lastWindow = *w
				inPeriod += w.N
				continue
			}
			p := c.Period
			if p.N != live(p.Lo, p.Hi) || p.N != inPeriod {
				t.Fatalf("period %v holds %d live failures, %d in its windows", p, live(p.Lo, p.Hi), inPeriod)
			}
			if begun && (p.Lo != lastPeriod.Hi+1 || !p.Start.Equal(lastPeriod.End)) || !p.End.After(p.Start) {
				t.Fatalf("period %v follows %v", p, lastPeriod)
			}
			if gap := gaps(p.Lo, p.Hi); p.Gap != gap {
				t.Fatalf("period %v names a gap: %v; its entries: %v", p, p.Gap, gap)
			}
			if p.N > 0 && (p.First.IsZero() || lastWindow.End.After(p.End)) {
				t.Fatalf("period %v, its last window %v", p, lastWindow)
			}
			lastPeriod, inPeriod, begun = *p, 0, true
		}
	})
}
