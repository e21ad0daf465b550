package counters

import (
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// Totals is what the counters say.
type Totals struct {
	Failures     []Tally // by series, in no order
	Kinds        map[event.Class]uint64
	Folded       uint64
	Own          uint64
	HealthChecks uint64
	Unreadable   uint64
	Missed       uint64
	Watermark    time.Time
}

// Totals adds up all chunks.
func (c *Counters) Totals() Totals {
	t := Totals{Kinds: map[event.Class]uint64{}}
	for _, chunk := range c.chunks {
		for _, tally := range chunk.series {
			t.Failures = append(t.Failures, *tally)
		}
		for class, n := range chunk.Kinds {
			t.Kinds[class] += n
		}
		t.Folded += chunk.Folded
		t.Own += chunk.Own
		t.HealthChecks += chunk.HealthChecks
		t.Unreadable += chunk.Unreadable
		t.Missed += chunk.Missed
		t.Watermark = later(t.Watermark, chunk.Watermark)
	}
	return t
}
