package ingest

import (
	"context"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

// prepare makes what is missing and mends what has become useless, as far as our
// role may: what could not be read meanwhile is a gap, and filled.
func (f *follower) prepare(ctx context.Context, v *visit) error {
	if err := v.server.RequireLogical(); err != nil {
		return err
	}
	if err := f.mend(ctx, v); err != nil {
		return err
	}
	m, err := f.db.ensure(ctx, v)
	if err != nil {
		return err
	}
	cfg := f.db.cfg.Ingest
	if m.publication {
		f.log.Info("publication made", "publication", cfg.Publication)
	}
	if m.followed {
		f.log.Warn("LiteLLM's table was renamed or made anew; the publication follows it again", "publication", cfg.Publication, "table", v.table.Name())
	}
	if m.slot {
		f.log.Info("replication slot made", "slot", cfg.Slot)
	}
	f.skipped = false
	return nil
}

// mend drops a slot that can't be followed any more. One that is older than its
// publication looks at a past without it, for ever.
func (f *follower) mend(ctx context.Context, v *visit) error {
	cfg := f.db.cfg.Ingest
	state, there, err := slot.Read(ctx, v.conn, cfg.Slot)
	if err != nil || !there {
		return err
	}
	found, err := v.publication.Check(ctx, v.conn)
	if err != nil {
		return err
	}
	var why string
	switch {
	case state.Plugin != slot.Plugin || state.Database != v.conn.Config().Database:
		return nil // not ours; ensure says so
	case state.Lost():
		why = "the server removed WAL that had not been read yet (max_slot_wal_keep_size, idle_replication_slot_timeout)"
	case !found.Exists:
		why = "its publication is gone"
		if err := v.publication.Create(ctx, v.conn); err != nil {
			return err
		}
	case f.skipped:
		why = "its publication was missing for a time"
	default:
		return nil
	}
	err = slot.Drop(ctx, v.conn, cfg.Slot)
	if postgres.State(err) == postgres.StateInUse {
		return f.standby(ctx, v)
	}
	if err != nil {
		return err
	}
	f.log.Warn("the replication slot can't be followed any more and is made anew", "slot", cfg.Slot, "reason", why)
	return nil
}
