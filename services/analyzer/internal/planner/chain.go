package planner

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

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

// readChains reads the last period and the windows after it. The period comes
// first: when another planner closes the next one meanwhile, windows of that are
// taken for those of this one, and our period is refused because it isn't the next.
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
	return c, c.readWindows(ctx, subject)
}

// readWindows collects the windows behind the last period.
func (c *chains) readWindows(ctx context.Context, subject string) error {
	lo, err := c.seek(ctx, subject)
	if err != nil {
		return err
	}
	r := bus.Range{Stream: topology.Windows, Filter: subject, Lo: lo, Hi: c.windowsLast}
	for entry, err := range bus.Scan(ctx, c.store.JetStream, r) {
		if err != nil {
			return err
		}
		w, err := decodeWindow(entry.Seq, entry.Data)
		if err != nil {
			return err
		}
		if c.behind(&w) {
			c.Windows = append(c.Windows, w)
		}
	}
	return nil
}

// seek returns a sequence at or before the first window behind the last period and
// close to it, by halving: the stream may hold a month of windows.
func (c *chains) seek(ctx context.Context, subject string) (uint64, error) {
	stream, err := c.store.JetStream.Stream(ctx, topology.Windows)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", topology.Windows, err)
	}
	lo, hi := stream.CachedInfo().State.FirstSeq, c.windowsLast
	for lo < hi {
		middle := lo + (hi-lo)/2
		m, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(subject)) // there, or the next on this subject
		if err != nil {
			return 0, fmt.Errorf("read %s from sequence %d on: %w", subject, middle, err)
		}
		w, err := decodeWindow(m.Sequence, m.Data)
		if err != nil {
			return 0, err
		}
		if c.behind(&w) {
			hi = middle
		} else {
			lo = m.Sequence + 1
		}
	}
	return lo, nil
}

// behind tells whether w is no window of the last period or of one before it.
func (c *chains) behind(w *event.Window) bool { return c.Period == nil || w.Lo > c.Period.Hi }

func decodeWindow(seq uint64, data []byte) (event.Window, error) {
	w, err := event.Decode[event.Window](data)
	if err != nil {
		return w, fmt.Errorf("window, sequence %d of %s: %w", seq, topology.Windows, err)
	}
	return w, nil
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
