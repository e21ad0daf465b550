package counters

import (
	"maps"
	"time"
)

const (
	// capturedFor is how long captured minutes are kept.
	capturedFor = 4 * time.Hour
	// clockSkew is how far a request may begin after its commit: LiteLLM's clock is not
	// the database's.
	clockSkew = 10 * time.Minute
	// capturedMost bounds the minutes before the old ones are dropped.
	capturedMost = 300
)

// capture notes when a failure began.
func (c *chunk) capture(e Entry) {
	if c.Begun.IsZero() {
		c.Begun = e.Time
	}
	if e.Began.IsZero() || e.Began.Before(c.Watermark.Add(-capturedFor)) || e.Began.After(e.Time.Add(clockSkew)) {
		return
	}
	if c.Captured == nil {
		c.Captured = map[int64]int{}
	}
	c.Captured[e.Began.Truncate(time.Minute).Unix()]++
	if len(c.Captured) > capturedMost {
		oldest := c.Watermark.Add(-capturedFor).Unix()
		maps.DeleteFunc(c.Captured, func(minute int64, _ int) bool { return minute < oldest })
	}
}

// Captured counts the failures in the log by the minute they began in (Unix seconds),
// those of the last hours; since when it does. nil before the log was read.
func (r *Reader) Captured() (byMinute map[int64]int, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.caughtUp {
		return nil, time.Time{}
	}
	first := r.counters.chunks[0]
	byMinute = make(map[int64]int, len(first.Captured))
	maps.Copy(byMinute, first.Captured)
	return byMinute, first.Begun
}
