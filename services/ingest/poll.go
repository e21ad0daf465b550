package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/fill"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
)

const (
	pollEvery = 10 * time.Second
	// pollBack is how far back every poll looks, pollFar every pollFarEvery: rows
	// are committed a minute after their startTime, those of timeouts up to 100 minutes.
	pollBack     = 15 * time.Minute
	pollFar      = 2 * time.Hour
	pollFarEvery = 5 * time.Minute
	mostRest     = time.Minute
	// pollMissed: after so long without a complete poll its rows were missed.
	pollMissed = 10 * time.Minute

	leaseName = "ingest"
	leaseTTL  = 15 * time.Second
)

// poll reads the table again and again, while it has the lease: it changes nothing
// in the database. It returns nil when ctx ended.
func (f *follower) poll(ctx context.Context) error {
	v, err := f.db.open(ctx)
	if err != nil {
		return err
	}
	err = v.mayPoll(ctx)
	v.close(ctx)
	if err != nil {
		return err
	}
	f.follows(metrics.Standby)
	return bus.Hold(ctx, f.store.State, leaseName, bus.Holder(), leaseTTL, f.log, f.polling)
}

func (f *follower) polling(ctx context.Context) error {
	v, err := f.db.open(ctx)
	if err != nil {
		return err
	}
	defer v.close(ctx)
	f.names.Load(ctx, v.conn)
	flight := &feed.Flight{}
	defer flight.Abandon() // another polls now, and reads it again
	p := &poller{follower: f, filler: f.filler(v, nil, v.conn), visit: v, flight: flight}
	f.gap.Forget()
	if last := f.publisher.ReadTail(ctx).Vouched; last != nil {
		p.complete = last.Watermark
		if last.Gap != nil {
			p.complete = last.Gap.From
		}
		f.gap.SetHistory(last.History && f.db.cfg.Ingest.History > 0)
	}
	f.storm.Polls()
	f.follows(metrics.Polling)
	f.log.Info("polling LiteLLM's database", "database", f.db.dialer.Target(), "postgres", v.server.Version, "every", pollEvery)
	if err := p.once(ctx); err != nil {
		return ended(ctx, err)
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return p.run(inner) })
	if f.gap.History() {
		group.Go(func() error { return p.history(inner) })
	}
	return ended(ctx, group.Wait())
}

// poller polls on one connection.
type poller struct {
	*follower
	visit    *visit
	filler   *fill.Filler
	flight   *feed.Flight
	complete time.Time // the clock of the last complete poll; zero = none, ever
	far      time.Time // of the last far one
}

// run polls until ctx ends. A poll that took long is followed by a rest as long.
func (p *poller) run(ctx context.Context) error {
	took := time.Duration(0)
	for lifecycle.Pause(ctx, max(pollEvery-took, min(took, mostRest))) {
		began := time.Now()
		if err := p.once(ctx); err != nil {
			return err
		}
		took = time.Since(began)
	}
	return nil
}

// once polls once, and vouches for what was committed before.
func (p *poller) once(ctx context.Context) error {
	b, err := heartbeat.Read(ctx, p.visit.conn, p.visit.server.SegmentSize)
	if err != nil {
		return err
	}
	p.clock.Set(b.At)
	r := fill.Range{From: b.At.Add(-pollBack), Mark: failure.Polled, Flight: p.flight, Room: p.room}
	switch far := time.Since(p.far) >= pollFarEvery; {
	case p.complete.IsZero(): // what is there at the first start is history
		r.From, r.Mark = b.At.Add(-pollFar), failure.History
		p.gap.SetHistory(p.db.cfg.Ingest.History > 0)
		p.far = time.Now()
	case b.At.Sub(p.complete) > pollMissed:
		r = p.missed(p.complete, r)
		p.openGap(p.complete, "the table was not read")
		p.far = time.Now()
	case b.At.Before(p.complete): // somebody set the database's clock back
		r.From, p.far = b.At.Add(-late), time.Now()
	case far:
		// Nobody follows the slot, if there is one: it may have become a burden.
		_ = p.relieve(ctx, p.visit, errPolled)
		r.From, p.far = b.At.Add(-pollFar), time.Now()
	}
	missing := p.gap.Named()
	got, err := p.filler.Run(ctx, r)
	p.metrics.Filled(r.Mark, got.Missing)
	if err != nil {
		return fmt.Errorf("poll LiteLLM's table: %w", err)
	}
	switch {
	case !got.Whole && r.Mark != failure.History:
		p.openGap(p.complete, "the log has no room until the analyzer has caught up")
		return p.beat(ctx, b)
	case missing != nil:
		p.gap.Filled(missing)
		p.log.Info("read out of LiteLLM's table", "what", "what was missing", "from", r.From.UTC().Format(time.RFC3339), "failures", got.Missing, "known", got.Known)
	}
	p.complete = b.At
	return p.beat(ctx, b)
}

// room ends a poll that has no room: a heartbeat has to come, or no window ever
// closes.
func (p *poller) room(context.Context) (bool, error) { return !p.storm.Full(), nil }

// beat vouches for what was committed before the clock was read.
func (p *poller) beat(ctx context.Context, b heartbeat.Beat) error {
	h := event.Heartbeat{V: event.Version, Watermark: b.Watermark()}
	p.gap.Mark(&h)
	e, err := feed.NewHeartbeat(h)
	if err != nil {
		return err
	}
	e.Flight = p.flight
	return p.queue.Put(ctx, e)
}

// history reads the rows from before the first start that the first poll left.
func (p *poller) history(ctx context.Context) error {
	err := p.readHistory(ctx, p.visit, nil, p.clock.Now().Add(-pollFar+pollFarEvery))
	if err == nil {
		p.gap.SetHistory(false)
	}
	return err
}

// filler reads rows of a visited database on a connection.
func (f *follower) filler(v *visit, progress *feed.Progress, conn *pgx.Conn) *fill.Filler {
	return fill.New(fill.Config{
		Table: v.table, SegmentSize: v.server.SegmentSize, Index: f.index, Queue: f.queue, Builder: f.builder, Progress: progress, Log: f.log,
	}, conn)
}
