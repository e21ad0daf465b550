package demo

import (
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/window"
)

// window of the demo, and the periods it may choose: whole windows, not too long to
// wait for.
const (
	demoWindow   = 5 * time.Second
	shortest     = 30 * time.Second
	longest      = 5 * time.Minute
	trafficSpare = 5 * time.Second // a slow machine writes late
)

// choosePeriod chooses report.every so that the first boundary that comes after all
// of the traffic comes soon: periods begin at local midnight and every
// report.every after it. It returns the end of that period. Only a midnight in
// between can cut the traffic in two.
func choosePeriod(now time.Time, zone string) (every time.Duration, end time.Time, err error) {
	ready, best := now.Add(trafficTime+trafficSpare), time.Duration(0)
	for candidate := shortest; candidate <= longest; candidate += demoWindow {
		first, err := periodAt(now, candidate, zone)
		if err != nil {
			return 0, time.Time{}, err
		}
		if first.Before(ready) {
			continue
		}
		// A short wait is what counts; of those that differ little, a short period.
		if cost := first.Sub(ready) + candidate/10; every == 0 || cost < best {
			every, end, best = candidate, first, cost
		}
	}
	if every == 0 { // just before midnight
		every, end = shortest, ready
	}
	return every, end, nil
}

// periodAt asks the planner when the period that holds now would end.
func periodAt(now time.Time, every time.Duration, zone string) (end time.Time, err error) {
	rules := event.Rules{Window: event.Duration(demoWindow), Every: event.Duration(every), Zone: zone}
	planner, err := window.Resume(window.Chain{}, rules, event.RunLive, "demo")
	if err != nil {
		return time.Time{}, err
	}
	planner.Step(window.Entry{Seq: 1, Header: event.Header{Time: now}})
	for _, closed := range planner.Step(window.Entry{Seq: 2, Header: event.Header{Time: now.Add(every)}}) {
		if closed.Period != nil {
			return closed.Period.End, nil
		}
	}
	return now.Add(every), nil // can't be: a period is at most that long
}
