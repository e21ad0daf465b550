package ingest

import (
	"context"
	"errors"
	"log/slog"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/storm"
)

// Prepare does what [Setup] does, as far as ingest.mode wants it, and says in
// Report.Mode how failures will be read: with auto a database that can't stream, or
// may not for us, is no fault as long as it can be polled.
func Prepare(ctx context.Context, cfg Config, log *slog.Logger) (Report, error) {
	d, err := newDatabase(cfg, log)
	if err != nil {
		return Report{}, err
	}
	var missing error
	if cfg.Ingest.Mode != config.ModePoll {
		report, err := d.setup(ctx)
		if err == nil && !report.SlotMade {
			err = d.replicates(ctx)
		}
		if err == nil || cfg.Ingest.Mode == config.ModeStream || !postgres.IsSettings(err) {
			return report, err
		}
		missing = err
	}
	var report Report
	err = d.persist(ctx, defaultPatience, func() error {
		v, err := d.open(ctx)
		if err != nil {
			return err
		}
		defer v.close(ctx)
		report = d.report(v, made{})
		report.Mode = config.ModePoll
		return v.mayPoll(ctx)
	})
	if missing != nil {
		report.Missing = missing.Error()
		if postgres.IsSettings(err) {
			err = neither(missing, err)
		}
	}
	return report, err
}

// neither has the remedies of both ways, once where they are the same.
func neither(streaming, polling error) error {
	if streaming.Error() == polling.Error() {
		return polling
	}
	return errors.Join(streaming, polling)
}

// replicates tries a replication connection.
func (d *database) replicates(ctx context.Context) error {
	conn, err := d.dialer.Replication(ctx, "UTF8", nil)
	if err == nil {
		postgres.Close(ctx, conn)
	}
	return err
}

// mayPoll returns a [postgres.SettingsError] unless our role may read the table.
func (v *visit) mayPoll(ctx context.Context) error {
	readable, err := v.table.Readable(ctx, v.conn)
	if err == nil && !readable {
		return v.table.NoSelect(v.conn.Config().User, nil)
	}
	return err
}

// prepare makes what is missing and mends what has become useless, as far as our
// role may: what could not be read meanwhile is a gap, and filled.
func (f *follower) prepare(ctx context.Context, v *visit) error {
	m, err := f.db.ensure(ctx, v, f.skipped)
	if errors.Is(err, errStandby) {
		f.follows(metrics.Standby)
	}
	if err != nil {
		return err
	}
	cfg := f.db.cfg.Ingest
	if m.publication {
		f.log.Info("publication made", "publication", cfg.Publication)
	}
	if m.followed {
		f.log.Warn("LiteLLM's table was renamed, made anew or got its column status; the publication follows it again", "publication", cfg.Publication, "table", v.table.Name())
	}
	if m.slot {
		f.log.Info("replication slot made", "slot", cfg.Slot)
	}
	f.skipped = false
	return nil
}

// relieve drops our slot when it can't be followed for good, as cause says, and makes the
// database keep too much of its log: the next slot begins anew, and what lies between
// is read out of the table.
func (f *follower) relieve(ctx context.Context, v *visit, cause error) error {
	if !postgres.IsSettings(cause) && !errors.Is(cause, errPolled) { // it may be over in a moment
		return cause
	}
	name := f.db.cfg.Ingest.Slot
	state, there, err := slot.Read(ctx, v.conn, name)
	if err != nil || !there || state.ActivePID != 0 || state.Ours(name, v.conn.Config().Database) != nil || state.Held <= storm.MostHeld(v.server.KeepSize) {
		return cause
	}
	if err := slot.Drop(ctx, v.conn, name); err != nil {
		return errors.Join(cause, err)
	}
	f.log.Error("the replication slot is dropped: it could not be followed, and the database kept too much of its log for it; failures are read out of the table later",
		"slot", name, "bytes", state.Held, "reason", cause)
	return cause
}
