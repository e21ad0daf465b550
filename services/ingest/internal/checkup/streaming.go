package checkup

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// capacity is how much of what replication takes there is.
type capacity struct {
	slots, maxSlots     int
	senders, maxSenders int
	waits               bool // wal_level was set, and the server not restarted
}

// lookAtStreaming looks whether the server writes what a slot needs and lets this
// role read it: each obstacle is a finding of its own, so that all can be removed
// at once.
func (x *checkup) lookAtStreaming(ctx context.Context) error {
	if err := x.readRights(ctx); err != nil {
		return err
	}
	has, err := x.readCapacity(ctx)
	if err != nil {
		return err
	}
	before := len(x.findings)
	switch {
	case x.server.WALLevel == "logical":
	case has.waits:
		x.blocked(nameStreaming, x.platform.restart(), "wal_level is %s until PostgreSQL is restarted", x.server.WALLevel)
	default:
		x.blocked(nameStreaming, x.platform.logical(), "wal_level is %s", x.server.WALLevel)
	}
	if !x.rights.replication {
		x.blocked(nameStreaming, x.platform.replication(x.Dialer.User()), "role %s may not replicate", x.Dialer.User())
	}
	if err := x.server.RequireAsynchronous(); err != nil {
		text, fix := parts(err)
		x.blocked(nameStreaming, fix, "%s", text)
	}
	if x.server.Standby && x.server.Major() < 16 {
		x.blocked(nameStreaming, "set postgres.url (FAULTWIRE_POSTGRES_URL) to the primary", "the server is a standby, and PostgreSQL %d streams from a primary only", x.server.Major())
	}
	if has.slots >= has.maxSlots && !x.hasSlot {
		x.blocked(nameStreaming, x.platform.more("max_replication_slots", has.maxSlots+10)+" (or drop one that nobody uses: SELECT slot_name, active FROM pg_replication_slots;)",
			"all %d replication slots are taken", has.maxSlots)
	}
	x.tryReplication(ctx, has)
	switch {
	case len(x.findings) > before:
	case x.Mode == config.ModePoll:
		x.add(doctor.Fine(nameStreaming, "not wanted (ingest.mode: poll): polling will be used"))
	default:
		x.add(doctor.Fine(nameStreaming, "wal_level is logical, the role may replicate, %d of %d slots and %d of %d senders are in use", has.slots, has.maxSlots, has.senders, has.maxSenders))
	}
	return nil
}

func (x *checkup) readCapacity(ctx context.Context) (capacity, error) {
	var c capacity
	const query = `SELECT (SELECT count(*) FROM pg_catalog.pg_replication_slots), current_setting('max_replication_slots')::int,
		(SELECT count(*) FROM pg_catalog.pg_stat_replication), current_setting('max_wal_senders')::int,
		(SELECT pending_restart FROM pg_catalog.pg_settings WHERE name = 'wal_level'),
		EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1)`
	if err := x.conn.QueryRow(ctx, query, x.Slot).Scan(&c.slots, &c.maxSlots, &c.senders, &c.maxSenders, &c.waits, &x.hasSlot); err != nil {
		return capacity{}, fmt.Errorf("ask for free slots and senders: %w", err)
	}
	return c, nil
}

// tryReplication opens a real replication connection: only that shows a pooler in
// between, or a sender too few.
func (x *checkup) tryReplication(ctx context.Context, has capacity) {
	conn, err := x.Dialer.Replication(ctx, x.server.Encoding, nil)
	if err == nil {
		_, err = pglogrepl.IdentifySystem(ctx, conn)
		if closing := conn.Close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
		if err != nil { // it let us in and then knows no such command
			x.blocked(nameStreaming, x.pooler(), "%s doesn't speak the replication protocol: it is a pooler", x.Dialer.Address())
		}
		return
	}
	fix, isPooler := viaPooler(x.Dialer.Address())
	switch state := postgres.State(err); {
	case postgres.IsSettings(err) && !x.rights.replication: // said already
	case state == postgres.StateTooManyConns:
		x.blocked(nameStreaming, x.platform.more("max_wal_senders", has.maxSenders+10)+" (or raise the CONNECTION LIMIT of role "+quote(x.Dialer.User())+")",
			"no replication connection is free (%d of %d senders are in use)", has.senders, has.maxSenders)
	case isPooler:
		x.blocked(nameStreaming, fix, "%s is a pooler, which can't replicate", x.Dialer.Address())
	default:
		text, fix := parts(err)
		x.blocked(nameStreaming, fix, "%s", text)
	}
}

func (x *checkup) pooler() string {
	if fix, is := viaPooler(x.Dialer.Address()); is {
		return fix
	}
	return directly
}
