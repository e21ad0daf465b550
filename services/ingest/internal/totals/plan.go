package totals

import (
	"slices"
	"time"
)

const (
	// firstSpan is how far back the very first count goes: what the first report
	// compares itself with.
	firstSpan = 2 * time.Hour
	// mostBehind is how far back is counted what was not while nobody counted.
	mostBehind = 24 * time.Hour
	// settles is how long after its end a minute may be counted again.
	settles = 150 * time.Minute
)

// ages returns how long after its end a minute is counted, again and again: LiteLLM
// writes rows 10 to 60 s late, and timeouts 10 to 100 minutes after they began. Nine
// times are half the rows, and see rows eight times as old, of counting the last 15
// minutes every minute.
func ages() []time.Duration {
	var all []time.Duration
	for _, minutes := range []time.Duration{0, 1, 2, 5, 10, 15, 30, 60, 120} {
		all = append(all, minutes*time.Minute)
	}
	return all
}

// span is a range of minutes that one query counts, to exclusive.
type span struct{ from, to time.Time }

// halves cuts a span in two whole parts; false = it is a single minute.
func (s span) halves() (first, second span, ok bool) {
	middle := s.from.Add(s.to.Sub(s.from) / 2).Truncate(time.Minute)
	return span{s.from, middle}, span{middle, s.to}, middle.After(s.from)
}

// plan says what is to be counted now, each span at most most long: what never was,
// oldest first, then what is to be counted again, newest first. counted holds when
// minutes were counted last.
func plan(now time.Time, counted map[time.Time]time.Time, most time.Duration) []span {
	end := now.Truncate(time.Minute)
	next := end.Add(-firstSpan)
	if len(counted) > 0 {
		next = later(newest(counted).Add(time.Minute), end.Add(-mostBehind))
	}
	var spans []span
	for from := next; from.Before(end); from = from.Add(most) {
		spans = append(spans, span{from, earlier(from.Add(most), end)})
	}
	return append(spans, recounts(now, counted, most)...)
}

func recounts(now time.Time, counted map[time.Time]time.Time, most time.Duration) []span {
	var due []time.Time
	for minute, last := range counted {
		if isDue(minute.Add(time.Minute), last, now) {
			due = append(due, minute)
		}
	}
	slices.SortFunc(due, func(a, b time.Time) int { return b.Compare(a) })
	var spans []span
	for _, minute := range due {
		if n := len(spans) - 1; n >= 0 && spans[n].from.Equal(minute.Add(time.Minute)) && spans[n].to.Sub(minute) <= most {
			spans[n].from = minute
			continue
		}
		spans = append(spans, span{minute, minute.Add(time.Minute)})
	}
	return spans
}

// isDue reports whether a minute has reached an age since it was counted last.
func isDue(end, counted, now time.Time) bool {
	return slices.ContainsFunc(ages(), func(age time.Duration) bool {
		at := end.Add(age)
		return counted.Before(at) && !now.Before(at)
	})
}

func newest(counted map[time.Time]time.Time) (last time.Time) {
	for minute := range counted {
		last = later(last, minute)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
