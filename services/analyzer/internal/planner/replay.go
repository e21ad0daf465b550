package planner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Replay publishes the one window and the one period of a replay when its end
// marker comes: the window first, and none without rows. A marker that is
// delivered again publishes nothing again.
func (p *Planner) Replay(ctx context.Context, marker []byte) error {
	end, err := event.Decode[event.ReplayEnd](marker)
	if errors.Is(err, event.ErrVersion) {
		return err // for a process of that version, or us after the upgrade
	}
	if err != nil {
		return bus.Permanent(err)
	}
	run := end.Request.ID
	if run == "" || run == event.RunLive {
		return bus.Permanent(fmt.Errorf("%w: %q", errRun, run))
	}
	if w := p.replayWindow(&end); w != nil {
		first, err := p.publishOnce(ctx, topology.WindowsSubject(run, w.Epoch), w)
		if err != nil {
			return err
		}
		if first {
			p.windows.Inc()
		}
	}
	period := p.replayPeriod(&end)
	_, err = p.publishOnce(ctx, topology.PeriodsSubject(run, period.Epoch), period)
	return err
}

// replayWindow is nil for a replay without rows.
func (p *Planner) replayWindow(end *event.ReplayEnd) *event.Window {
	if end.N == 0 {
		return nil
	}
	return &event.Window{
		V: event.Version, Run: end.Request.ID, Epoch: p.store.Epoch, Start: end.Start, End: end.Request.Asked,
		Lo: end.Lo, Hi: end.Hi, N: end.N, Rules: p.rules,
	}
}

func (p *Planner) replayPeriod(end *event.ReplayEnd) *event.Period {
	start := end.Start
	if end.N == 0 {
		start = time.Time{}
	}
	return &event.Period{
		V: event.Version, Run: end.Request.ID, Epoch: p.store.Epoch, Start: end.Start, End: end.End,
		Lo: end.Lo, Hi: end.Hi, N: end.N, First: start, Last: start, Rules: p.rules,
	}
}

func (p *Planner) publishOnce(ctx context.Context, subject string, descriptor any) (first bool, err error) {
	data, err := event.Encode(descriptor)
	if err != nil {
		return false, bus.Permanent(err)
	}
	first, err = bus.PublishOnce(ctx, p.store.JetStream, subject, data)
	if err != nil {
		return false, fmt.Errorf("plan replay: %w", err)
	}
	return first, nil
}
