package traffic

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Span is the requests that began in a range of time.
type Span struct {
	event.Rate
	Until  time.Time         // where counting ended; the end of the range if all of it was counted
	Models []event.ModelRate // most failed first; models of a minute past a bound are in Rate alone
}

const (
	// shortest is the shortest range that minutes measure.
	shortest = 10 * time.Minute
	// whole is how long after its end a minute is taken for counted: before, LiteLLM
	// may not have written its rows yet.
	whole = time.Minute
)

// Read returns the requests that began from start until end, as far as their minutes
// are counted without a hole; nil when that is less than four fifths of the range, or
// the range is shorter than ten minutes.
func Read(ctx context.Context, store topology.Store, start, end time.Time) (*Span, error) {
	if end.Sub(start) < shortest {
		return nil, nil
	}
	// A range may begin within a minute: its requests are those of whole minutes.
	first := start.Add(time.Minute - 1).Truncate(time.Minute).UTC()
	minutes, err := bus.Minutes(ctx, store.JetStream, first, end)
	if err != nil {
		return nil, err
	}
	span := &Span{Until: first}
	models := map[string]event.Rate{}
	for i := range minutes {
		m := &minutes[i]
		after := m.Minute.Add(time.Minute)
		if !m.Minute.Equal(span.Until) || m.Counted.Before(after.Add(whole)) {
			break
		}
		span.Until, span.Rate = after, span.Rate.Plus(m.Total())
		for _, model := range m.Models {
			models[model.Model] = models[model.Model].Plus(model.Rate)
		}
	}
	if span.Until.Sub(first) < end.Sub(first)*4/5 {
		return nil, nil
	}
	for model, rate := range models {
		span.Models = append(span.Models, event.ModelRate{Model: model, Rate: rate})
	}
	slices.SortFunc(span.Models, func(a, b event.ModelRate) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Model, b.Model))
	})
	return span, nil
}
