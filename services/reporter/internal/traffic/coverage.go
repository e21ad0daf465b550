package traffic

import (
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

const (
	// coverageSpan is how many minutes are compared.
	coverageSpan = 60 * time.Minute
	// coverageLag is how far behind the newest counted minute they end: LiteLLM
	// writes rows up to a minute late, and is slow when its database is.
	coverageLag = 5 * time.Minute
)

// coverage is the share of the failures counted in LiteLLM's table that the log
// holds, of an hour of minutes that began after the log did. A minute of which the log
// holds more, as after retention, makes up for no other. ok = false: too little of the
// hour was counted to say.
func coverage(newest time.Time, counted map[time.Time]event.Rate, captured map[int64]int, since time.Time) (ratio float64, ok bool) {
	if captured == nil {
		return 0, false
	}
	end := newest.Add(-coverageLag)
	minutes, all, held := 0, 0, 0
	for at, rate := range counted {
		if !at.Before(end) || at.Before(end.Add(-coverageSpan)) || at.Before(since) {
			continue
		}
		minutes++
		all += rate.Failed
		held += min(rate.Failed, captured[at.Unix()])
	}
	if minutes < 10 {
		return 0, false
	}
	if all == 0 {
		return 1, true
	}
	return float64(held) / float64(all), true
}
