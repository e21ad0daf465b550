package planner

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Replay publishes the one window and the one period of a replay when its end
// marker comes: the window first, and none without rows. A marker that is
// delivered again publishes nothing again.
func (p *Planner) Replay(ctx context.Context, marker []byte) error {
	end, err := event.Decode[event.ReplayEnd](marker)
	if err != nil {
		return bus.Permanent(err)
	}
	run, epoch := end.Request.ID, p.store.Epoch
	period := event.Period{
		V: event.Version, Run: run, Epoch: epoch, Start: end.Start, End: end.End, Lo: end.Lo, Hi: end.Hi, N: end.N,
		First: end.Start, Last: end.Start, Rules: p.rules,
	}
	if end.N > 0 {
		w := event.Window{V: event.Version, Run: run, Epoch: epoch, Start: end.Start, End: end.End, Lo: end.Lo, Hi: end.Hi, N: end.N, Rules: p.rules}
		if err := p.publishOnce(ctx, topology.WindowsSubject(run, epoch), &w); err != nil {
			return err
		}
	}
	return p.publishOnce(ctx, topology.PeriodsSubject(run, epoch), &period)
}

func (p *Planner) publishOnce(ctx context.Context, subject string, descriptor any) error {
	data, err := event.Encode(descriptor)
	if err != nil {
		return err
	}
	if _, err := bus.PublishOnce(ctx, p.store.JetStream, subject, data); err != nil {
		return fmt.Errorf("plan replay: %w", err)
	}
	return nil
}
