package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publisher"
	"github.com/faultwire/faultwire/services/ingest/internal/replication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/watch"
)

const (
	logEvery = time.Minute
	// standbyEvery is how often a standby tries to take the slot over.
	standbyEvery = time.Second
	// steady is how long a session lasts that makes the next retry a first one.
	steady = 10 * time.Second
)

// follower follows the slot, one session after the other.
type follower struct {
	db        *database
	queue     *feed.Queue
	builder   *failure.Builder
	clock     *postgres.Clock
	publisher *publisher.Publisher
	metrics   *metrics.Metrics
	log       *slog.Logger
	patience  time.Duration

	began  bool // the slot was reached once: from now on whatever happens is waited out
	said   time.Time
	saidOf string
}

// run returns nil when ctx ended. Until the slot was reached once, a fault of the
// settings ends it at once and any other after its patience.
func (f *follower) run(ctx context.Context) error {
	deadline := time.Now().Add(f.patience)
	pause := retryFirst
	for {
		began := time.Now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !f.began && postgres.IsSettings(err) {
			return err
		}
		if !f.began && time.Now().After(deadline) {
			return gaveUp(err, f.patience)
		}
		if time.Since(began) > steady {
			pause = retryFirst
		}
		wait := pause
		pause = min(2*pause, retryMost)
		if errors.Is(err, errStandby) {
			wait, pause = standbyEvery, retryFirst
		} else {
			f.metrics.SetRole(metrics.Disconnected)
		}
		f.say(err)
		if !lifecycle.Pause(ctx, wait) {
			return nil
		}
	}
}

// say logs why a session ended: a new reason at once, the same every minute.
func (f *follower) say(err error) {
	text := err.Error()
	if text == f.saidOf && time.Since(f.said) < logEvery {
		return
	}
	f.said, f.saidOf = time.Now(), text
	switch {
	case errors.Is(err, errStandby):
		f.log.Info("standing by", "reason", err)
	case postgres.IsSettings(err):
		f.log.Error("can't follow LiteLLM's database until this is mended", "error", err)
	default:
		f.log.Warn("connection to LiteLLM's database lost, trying again", "error", err)
	}
}

// session follows the slot until something ends it, and says what; nil when ctx
// did.
func (f *follower) session(ctx context.Context) error {
	v, err := f.db.open(ctx)
	if err != nil {
		return err
	}
	defer v.close(ctx)
	m, err := f.db.ensure(ctx, v)
	if err != nil {
		return err
	}
	waiting := &heartbeat.Waiting{}
	watcher := watch.New(watch.Config{
		Slot: f.db.cfg.Ingest.Slot, Publication: v.publication, SegmentSize: v.server.SegmentSize,
		Clock: f.clock, Waiting: waiting, Meter: f.metrics, Log: f.log,
	}, v.conn)
	if err := watcher.Beat(ctx); err != nil { // the clock has to be known
		return err
	}
	f.tellMade(m)
	s, err := f.start(ctx, v, waiting)
	if err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(inner) })
	group.Go(func() error { return watcher.Run(inner) })
	err = group.Wait()
	if err != nil {
		return f.explain(ctx, err)
	}
	return nil
}

// tellMade logs what had to be made. A slot made anew although the log was begun
// leaves a gap.
func (f *follower) tellMade(m made) {
	cfg := f.db.cfg.Ingest
	if m.publication {
		f.log.Info("publication made", "publication", cfg.Publication)
	}
	if !m.slot {
		return
	}
	f.log.Info("replication slot made", "slot", cfg.Slot)
	if tail := f.publisher.Tail(); tail.Known {
		f.metrics.Gap()
		f.log.Error("the replication slot was missing: failures committed in between are not in the log; `faultwire replay` reads them out of LiteLLM's table",
			"slot", cfg.Slot, "from", tail.Time.UTC().Format(time.RFC3339), "to", f.clock.Now().Format(time.RFC3339))
	}
}

// start opens the replication connection and begins to follow.
func (f *follower) start(ctx context.Context, v *visit, waiting *heartbeat.Waiting) (*replication.Session, error) {
	cfg := f.db.cfg.Ingest
	var s *replication.Session
	conn, err := f.db.dialer.Replication(ctx, v.server.Encoding, func(n *pgconn.Notice) {
		if s != nil {
			s.Notice(n)
		}
	})
	if err != nil {
		return nil, err
	}
	s, err = replication.Open(ctx, replication.Config{
		Slot: cfg.Slot, Publication: cfg.Publication, Queue: f.queue, Builder: f.builder, Clock: f.clock, Waiting: waiting, Log: f.log,
	}, conn, f.publisher.Tail().Position)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, f.refused(ctx, v, err)
	}
	f.began, f.saidOf = true, ""
	f.metrics.SetRole(metrics.Following)
	f.log.Info("following LiteLLM's database", "database", f.db.cfg.Postgres.Target(), "postgres", v.server.Version, "slot", cfg.Slot, "publication", cfg.Publication)
	return s, nil
}

// refused says why the slot could not be followed: by SQLSTATE and a look at the
// slot, never by the text.
func (f *follower) refused(ctx context.Context, v *visit, err error) error {
	name := f.db.cfg.Ingest.Slot
	switch postgres.State(err) {
	case postgres.StateInUse:
		f.began = true
		f.metrics.SetRole(metrics.Standby)
		state, _, look := slot.Read(ctx, v.conn, name)
		if look != nil {
			return look
		}
		return fmt.Errorf("%w %q (process %d of the database)", errStandby, name, state.ActivePID)
	case postgres.StateUndefined:
		return fmt.Errorf("%w: %w", errGone, err)
	case postgres.StateNotInState:
		state, found, look := slot.Read(ctx, v.conn, name)
		if look != nil || !found {
			return errors.Join(err, look)
		}
		if fault := state.Check(name, v.conn.Config().Database); fault != nil {
			return fault
		}
	}
	return f.db.dialer.Replicable(err)
}

// explain says what the end of a session means.
func (f *follower) explain(ctx context.Context, err error) error {
	if postgres.State(err) != postgres.StateUndefined && !errors.Is(err, replication.ErrSkipped) {
		return err
	}
	// The publication is missing where the slot looks, though it may be there now.
	v, look := f.db.open(ctx)
	if look != nil {
		return errors.Join(err, look)
	}
	defer v.close(ctx)
	return errors.Join(err, v.publication.Missing(f.db.cfg.Ingest.Slot))
}
