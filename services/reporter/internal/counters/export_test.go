package counters

import "time"

// Limit sets small bounds, so that tests reach them.
func (c *Counters) Limit(series, folded, kindsPerChunk int) {
	c.limits = limits{series: series, folded: folded, kindsPerChunk: kindsPerChunk}
}

// StoreOn makes the reader store when a tick comes instead of every 10 s.
func (r *Reader) StoreOn(tick <-chan time.Time) { r.tick = tick }
