package report

import (
	"context"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/render"
	"github.com/faultwire/faultwire/services/reporter/internal/traffic"
)

// readRate finds out how many requests failed of how many, as far as they are
// counted: nobody waits for it.
func (w *Writer) readRate(ctx context.Context, j *job) error {
	if j.rate != nil { // text, outcome and query_params say the same
		return nil
	}
	if j.replay != nil {
		if j.replay.Rate != nil {
			j.rate = &render.Rate{Rate: *j.replay.Rate}
		}
		return nil
	}
	span, err := traffic.Read(ctx, w.store, j.period.Start, j.period.End)
	if err != nil || span == nil {
		return err
	}
	j.rate = &render.Rate{Rate: span.Rate, Until: span.Until, Models: span.Models}
	before, err := traffic.Read(ctx, w.store, j.period.Start.Add(j.period.Start.Sub(j.period.End)), j.period.Start)
	if before != nil {
		j.rate.Before = &before.Rate
	}
	return err
}

// counted is the rate for those who don't care what was counted when.
func (j *job) counted() *event.Rate {
	if j.rate == nil {
		return nil
	}
	return &j.rate.Rate
}
