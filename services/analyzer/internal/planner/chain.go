package planner

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/pkg/window"
)

// chains are the live chains of one epoch and where they end.
type chains struct {
	window.Chain
	store       topology.Store
	windowsLast uint64 // sequence of the last message on each subject, 0 = none
	periodsLast uint64
}

// readChains reads the last period and the windows after it.
func readChains(ctx context.Context, store topology.Store) (*chains, error) {
	c := &chains{store: store}
	js := store.JetStream
	last, found, err := bus.Last(ctx, js, topology.Periods, topology.PeriodsSubject(event.RunLive, store.Epoch))
	if err != nil {
		return nil, err
	}
	if found {
		period, err := event.Decode[event.Period](last.Data)
		if err != nil {
			return nil, fmt.Errorf("last period, sequence %d of %s: %w", last.Seq, topology.Periods, err)
		}
		c.Period, c.periodsLast = &period, last.Seq
	}
	subject := topology.WindowsSubject(event.RunLive, store.Epoch)
	last, found, err = bus.Last(ctx, js, topology.Windows, subject)
	if err != nil || !found {
		return c, err
	}
	c.windowsLast = last.Seq
	return c, c.readWindows(ctx, subject, last.Seq)
}

// readWindows collects the windows behind the last period.
func (c *chains) readWindows(ctx context.Context, subject string, hi uint64) error {
	for entry, err := range bus.Scan(ctx, c.store.JetStream, bus.Range{Stream: topology.Windows, Filter: subject, Hi: hi}) {
		if err != nil {
			return err
		}
		w, err := event.Decode[event.Window](entry.Data)
		if err != nil {
			return fmt.Errorf("window, sequence %d of %s: %w", entry.Seq, topology.Windows, err)
		}
		if c.Period == nil || w.Lo > c.Period.Hi {
			c.Windows = append(c.Windows, w)
		}
	}
	return nil
}

// publish appends what a step closed to its chain.
func (c *chains) publish(ctx context.Context, closed window.Closed) error {
	if w := closed.Window; w != nil {
		return c.append(ctx, topology.WindowsSubject(w.Run, w.Epoch), w, &c.windowsLast)
	}
	return c.append(ctx, topology.PeriodsSubject(closed.Period.Run, closed.Period.Epoch), closed.Period, &c.periodsLast)
}

func (c *chains) append(ctx context.Context, subject string, descriptor any, last *uint64) error {
	data, err := event.Encode(descriptor)
	if err != nil {
		return err
	}
	seq, err := bus.Append(ctx, c.store.JetStream, subject, data, *last)
	if err != nil {
		return err
	}
	*last = seq
	return nil
}
