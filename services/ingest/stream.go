package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/replication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/watch"
)

// stream follows the slot until something ends it, and says what; nil when ctx did.
// followed = it had begun to follow.
func (f *follower) stream(ctx context.Context) (followed bool, err error) {
	v, err := f.db.open(ctx)
	if err != nil {
		return false, err
	}
	defer v.close(ctx)
	if err := f.prepare(ctx, v); err != nil {
		return false, f.relieve(ctx, v, err)
	}
	source := v.version
	if v.table.Rescued {
		source += ".rescued" // rows are numbered differently
	}
	waiting, progress := &heartbeat.Waiting{}, &feed.Progress{}
	watcher := watch.New(watch.Config{
		Slot: f.db.cfg.Ingest.Slot, Publication: v.publication, Version: v.version, SegmentSize: v.server.SegmentSize,
		Clock: f.clock, Waiting: waiting, Progress: progress, Meter: f.storm, Log: f.log,
	}, v.conn)
	readable, err := v.table.Readable(ctx, v.conn)
	if err != nil {
		return false, err
	}
	f.storm.Session(v.server.KeepSize, readable)
	f.names.Load(ctx, v.conn)
	if err := watcher.Look(ctx); err != nil { // the clock has to be known
		return false, err
	}
	s, err := f.start(ctx, v, source, waiting, progress)
	if err != nil {
		return false, f.relieve(ctx, v, err)
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(inner) })
	group.Go(func() error { return watcher.Run(inner) })
	group.Go(func() error { return f.fill(inner, v, progress) })
	if err := group.Wait(); err != nil {
		return true, f.explain(ctx, err)
	}
	return true, nil
}

// start opens the replication connection and begins to follow.
func (f *follower) start(ctx context.Context, v *visit, source string, waiting *heartbeat.Waiting, progress *feed.Progress) (*replication.Session, error) {
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
		Slot: cfg.Slot, Publication: cfg.Publication, Queue: f.queue, Builder: f.builder, Clock: f.clock, Waiting: waiting,
		Source: source, Gap: f.gap, Progress: progress, Log: f.log,
	}, conn)
	if err != nil {
		postgres.Close(ctx, conn)
		return nil, f.refused(ctx, v, err)
	}
	// Slot and log are ours alone now, and stand still until the session runs.
	state, _, err := slot.Read(ctx, v.conn, cfg.Slot)
	if err != nil {
		postgres.Close(ctx, conn)
		return nil, err
	}
	tail := f.publisher.ReadTail(ctx)
	var vouched time.Time
	if tail.Vouched != nil {
		vouched = tail.Vouched.Watermark
	}
	f.compare(tail.Vouched, s.Resume(tail.Position, vouched), state.Confirmed, source)
	f.follows(metrics.Following)
	f.log.Info("following LiteLLM's database", "database", f.db.dialer.Target(), "postgres", v.server.Version, "slot", cfg.Slot, "publication", cfg.Publication)
	return s, nil
}

// compare finds out what is missing in the log: the slot brings what was committed
// behind its position, and the log holds what its last heartbeat vouches for. A
// server is told only positions that a heartbeat has vouched for, so a slot that is
// further was made anew, or the log is an older copy of itself. In another history
// (same = false) positions say nothing.
func (f *follower) compare(last *event.Heartbeat, same bool, confirmed event.LSN, source string) {
	f.gap.Forget() // log and slot show it again
	if last == nil || last.History {
		f.gap.SetHistory(f.db.cfg.Ingest.History > 0)
	}
	var why string
	switch {
	case last == nil:
		return
	case last.Gap != nil:
		f.openGap(last.Gap.From, last.Gap.Why)
		return
	case last.Position.System == "":
		why = "the table was polled until then"
	case !same:
		why = "the database server is another one, was failed over, or was restored from a copy"
	case confirmed > last.Position.Commit:
		why = "the replication slot is further than the log: it was made anew, or the log was restored from a copy"
	case last.Source != source:
		why = "the table, the publication or ingest.include_rescued was changed"
	default:
		return
	}
	f.openGap(last.Watermark, why)
}

// openGap notes a gap, which is then filled out of the table.
func (f *follower) openGap(from time.Time, why string) {
	if f.gap.Named() == nil {
		f.metrics.Gap()
		f.log.Warn("failures may be missing in the log, reading them out of LiteLLM's table", "committed_after", from.UTC().Format(time.RFC3339), "reason", why)
	}
	f.gap.Open(from, why)
}

// refused says why the slot could not be followed: by SQLSTATE and a look at the
// slot, never by the text.
func (f *follower) refused(ctx context.Context, v *visit, err error) error {
	name := f.db.cfg.Ingest.Slot
	switch postgres.State(err) {
	case postgres.StateInUse:
		return f.standby(ctx, v)
	case postgres.StateUndefined:
		return fmt.Errorf("%w: %w", errGone, err)
	case postgres.StateNotInState:
		state, found, look := slot.Read(ctx, v.conn, name)
		if look != nil || !found {
			return errors.Join(err, look)
		}
		if state.Lost() { // just now: the next session makes it anew
			return fmt.Errorf("%w: %w", errGone, err)
		}
		if fault := state.Check(name, v.conn.Config().Database); fault != nil {
			return fault
		}
	}
	return f.db.dialer.Replicable(err)
}

// standby says who follows the slot.
func (f *follower) standby(ctx context.Context, v *visit) error {
	f.follows(metrics.Standby)
	name := f.db.cfg.Ingest.Slot
	state, _, err := slot.Read(ctx, v.conn, name)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w %q (process %d of the database)", errStandby, name, state.ActivePID)
}

// explain says what the end of a session means.
func (f *follower) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, publication.ErrMoved), errors.Is(err, publication.ErrChanged):
		return err
	case postgres.State(err) != postgres.StateUndefined && !errors.Is(err, replication.ErrSkipped):
		return err
	}
	// The publication is missing where the slot looks, though it may be there now.
	v, look := f.db.open(ctx)
	if look != nil {
		return errors.Join(err, look)
	}
	defer v.close(ctx)
	f.skipped = true
	return errors.Join(err, v.publication.Missing(f.db.cfg.Ingest.Slot))
}
