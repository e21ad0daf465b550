package totals

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// tally is the count of one minute. It never says less than the count before: rows
// deleted meanwhile stay counted, model by model, and a model that had an entry of
// its own keeps it.
type tally struct {
	before, now           map[string]event.Rate
	otherBefore, otherNow event.Rate
}

// newTally begins a count; before is the last one, nil = there is none.
func newTally(before *event.Traffic) *tally {
	t := &tally{before: map[string]event.Rate{}, now: map[string]event.Rate{}}
	if before == nil {
		return t
	}
	for _, m := range before.Models {
		t.before[m.Model] = m.Rate
		t.now[m.Model] = event.Rate{}
	}
	t.otherBefore = before.Other
	return t
}

// add counts requests of a model. Those with the most come first.
func (t *tally) add(model string, r event.Rate) {
	counted, listed := t.now[model]
	if !listed && len(t.now) >= event.MaxTrafficModels {
		t.otherNow = t.otherNow.Plus(r)
		return
	}
	t.now[model] = counted.Plus(r)
}

func (t *tally) traffic(minute, counted time.Time) *event.Traffic {
	result := &event.Traffic{
		V: event.Version, Minute: minute, Counted: counted,
		Models: make([]event.ModelRate, 0, len(t.now)), Other: t.otherNow.AtLeast(t.otherBefore),
	}
	for _, model := range slices.Sorted(maps.Keys(t.now)) {
		result.Models = append(result.Models, event.ModelRate{Model: model, Rate: t.now[model].AtLeast(t.before[model])})
	}
	slices.SortStableFunc(result.Models, func(a, b event.ModelRate) int { return cmp.Compare(b.Requests, a.Requests) })
	return result
}
