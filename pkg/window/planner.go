// Package window cuts the log into windows and periods.
//
// The planner is a pure function of the log: it has no clock and reads nothing.
// Whoever computes it, whenever, gets the same descriptors, and its state is the
// last descriptors plus the log after them. Windows are slices of the log by
// commit time as read, so nothing is ever late for one.
package window

import (
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// Entry is what the planner needs of a log entry.
type Entry struct {
	Seq    uint64
	Header event.Header
}

// Closed is one thing a step closed: a window or a period.
type Closed struct {
	Window *event.Window
	Period *event.Period
}

// Chain is what has been published so far: the last period, and the windows
// after it, oldest first.
type Chain struct {
	Period  *event.Period
	Windows []event.Window
}

// firstLo is where the first period begins: the beginning of the log, whatever
// the log has already discarded.
const firstLo = 1

// Planner is the state between two entries.
type Planner struct {
	run, epoch string
	rules      event.Rules
	calendar   calendar

	now     time.Time // the highest time seen: of windows only the log's order counts
	lastEnd time.Time // end of the last window published
	next    uint64    // first sequence not yet in a published window or period
	window  struct {
		lo  uint64
		n   int
		gap bool
	}
	period event.Period
}

// Resume returns the planner that goes on behind chain, under the rules of now.
// Its first entry is the one at [Planner.Next]. It fails when rules name an
// unknown time zone, or a window or period that is not positive.
func Resume(chain Chain, rules event.Rules, run, epoch string) (*Planner, error) {
	zone, err := time.LoadLocation(rules.Zone)
	if err != nil {
		return nil, fmt.Errorf("report.timezone: %w", err)
	}
	if rules.Window <= 0 || rules.Every <= 0 {
		return nil, fmt.Errorf("analyzer.window %v and report.every %v must be positive", time.Duration(rules.Window), time.Duration(rules.Every))
	}
	p := &Planner{run: run, epoch: epoch, rules: rules, calendar: calendar{zone: zone, every: time.Duration(rules.Every)}}
	if chain.Period != nil {
		p.advance(chain.Period.End, chain.Period.Hi)
		p.openPeriod(chain.Period.End, p.next)
		p.lastEnd = chain.Period.End // no window of it ends later
	}
	for i := range chain.Windows {
		w := &chain.Windows[i]
		if !p.started() {
			p.openPeriod(p.calendar.floor(w.Start), firstLo)
		}
		p.count(w)
		p.advance(w.End, w.Hi)
		p.lastEnd = w.End
	}
	if p.started() {
		// Windows published under other rules may reach past the first boundary of
		// today's rules: the period ends no earlier than they do.
		p.period.End = p.calendar.after(later(p.period.Start, p.lastEnd.Add(-1)))
	}
	p.window.lo = p.next
	return p, nil
}

// Next is the sequence to go on from; 0 means from the first entry of the log.
func (p *Planner) Next() uint64 { return p.next }

// Step takes the next entry and returns what it closes, in the order in which it
// is to be published: a window before the period it belongs to. Entries come in
// the order of the log; one below [Planner.Next] is ignored.
func (p *Planner) Step(e Entry) []Closed {
	if e.Seq < p.next {
		return nil
	}
	now := later(p.now, e.Header.Time)
	if !p.started() {
		p.now, p.window.lo = now, e.Seq
		p.openPeriod(p.calendar.floor(now), firstLo)
		p.period.End = p.calendar.after(p.period.Start)
	}
	var closed []Closed
	if end := p.windowStart(p.now).Add(time.Duration(p.rules.Window)); !now.Before(end) {
		if w := p.closeWindow(end, e.Seq-1); w != nil {
			closed = append(closed, Closed{Window: w})
		}
		// A gap in a window that isn't published stays with the next one of its period:
		// whoever resumes behind that one never sees the entry that named it.
		p.window.lo, p.window.n, p.window.gap = e.Seq, 0, p.window.gap && p.window.n == 0
	}
	for !now.Before(p.period.End) {
		closed = append(closed, Closed{Period: p.closePeriod(e.Seq - 1)})
		p.window.gap = false
	}
	p.now, p.next = now, e.Seq+1
	if e.Header.Live {
		p.window.n++
	}
	if e.Header.Gap {
		p.window.gap, p.period.Gap = true, true
	}
	return closed
}

// windowStart is the start of t's window by the clock; see closeWindow for where
// it really begins after a change of rules.
func (p *Planner) windowStart(t time.Time) time.Time {
	return t.Truncate(time.Duration(p.rules.Window))
}

// closeWindow returns the open window, or nil when it holds no live failure.
func (p *Planner) closeWindow(end time.Time, hi uint64) *event.Window {
	if p.window.n == 0 {
		return nil
	}
	w := &event.Window{
		V: event.Version, Run: p.run, Epoch: p.epoch,
		// A window never begins before the last one ended, also when the rules
		// changed in between: its start is part of its identity.
		Start: later(p.windowStart(p.now), p.lastEnd), End: end,
		Lo: p.window.lo, Hi: hi, N: p.window.n, Rules: p.rules, Gap: p.window.gap,
	}
	p.count(w)
	p.lastEnd = end
	return w
}

// count adds a published window to the open period.
func (p *Planner) count(w *event.Window) {
	if p.period.N == 0 {
		p.period.First = w.Start
	}
	p.period.Last = w.Start
	p.period.N += w.N
	p.period.Gap = p.period.Gap || w.Gap
}

func (p *Planner) closePeriod(hi uint64) *event.Period {
	closed := p.period
	closed.Hi = hi
	p.openPeriod(closed.End, hi+1)
	p.period.End = p.calendar.after(closed.End)
	return &closed
}

func (p *Planner) openPeriod(start time.Time, lo uint64) {
	p.period = event.Period{V: event.Version, Run: p.run, Epoch: p.epoch, Start: start.UTC(), Lo: lo, Rules: p.rules}
}

func (p *Planner) started() bool { return !p.period.Start.IsZero() }

func (p *Planner) advance(end time.Time, hi uint64) {
	p.now, p.next = later(p.now, end), max(p.next, hi+1)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
