// Package slot makes and watches the replication slot: the mark in PostgreSQL's
// log up to which our rows are safe.
package slot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// Plugin is that of our slot.
const Plugin = "pgoutput"

const (
	failoverMajor = 17 // first release whose slots can be kept in step on a standby
)

// CreateSQL makes the slot by SQL, for people.
func CreateSQL(name string, major int) string {
	if major >= failoverMajor {
		return fmt.Sprintf("SELECT pg_create_logical_replication_slot(%s, '%s', false, false, true);", postgres.Literal(name), Plugin)
	}
	return fmt.Sprintf("SELECT pg_create_logical_replication_slot(%s, '%s');", postgres.Literal(name), Plugin)
}

// DropSQL removes the slot.
func DropSQL(name string) string {
	return fmt.Sprintf("SELECT pg_drop_replication_slot(%s);", postgres.Literal(name))
}

// State is what pg_replication_slots says. Any role may read it.
type State struct {
	Plugin    string
	Database  string
	ActivePID int // of the walsender that serves a follower; 0 = none
	TwoPhase  bool
	Status    string // wal_status: reserved, extended, unreserved, lost
	// Half marks a slot that is being made, or whose making was cut off.
	Half bool
	// Confirmed is the position the server was told to be safe (confirmed_flush_lsn):
	// a follower gets what comes after it.
	Confirmed event.LSN
	// Retained is how many bytes of WAL the server keeps for it, Held how many of
	// them because it wasn't told that they are safe.
	Retained, Held int64
	// Failover: a standby keeps the slot in step (PostgreSQL 17 and later).
	Failover bool
	// Copy: the server is a standby, and keeps the slot in step with its primary's: it
	// can't be followed before the standby is promoted.
	Copy bool
	// Safe is how many bytes may be written before it is in danger; nil while
	// max_slot_wal_keep_size is -1, when it is the disk that is in danger.
	Safe *int64
}

// Lost reports whether the server has removed WAL that the slot needs.
func (s State) Lost() bool { return s.Status == "lost" }

// Read returns found = false when there is none.
func Read(ctx context.Context, conn *pgx.Conn, name string) (s State, found bool, err error) {
	const query = `SELECT coalesce(plugin, ''), coalesce(database, ''), coalesce(active_pid, 0), two_phase, coalesce(wal_status, ''),
		slot_type = 'logical' AND confirmed_flush_lsn IS NULL, safe_wal_size, coalesce(confirmed_flush_lsn, '0/0')::text,
		coalesce((now_lsn - restart_lsn)::bigint, 0), coalesce((now_lsn - confirmed_flush_lsn)::bigint, 0),
		coalesce((to_jsonb(s) ->> 'failover')::boolean, false), pg_is_in_recovery() AND coalesce((to_jsonb(s) ->> 'synced')::boolean, false)
		FROM pg_catalog.pg_replication_slots s, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) AS now (now_lsn)
		WHERE slot_name = $1`
	var confirmed string
	err = conn.QueryRow(ctx, query, name).Scan(&s.Plugin, &s.Database, &s.ActivePID, &s.TwoPhase, &s.Status, &s.Half, &s.Safe, &confirmed, &s.Retained, &s.Held, &s.Failover, &s.Copy)
	if errors.Is(err, pgx.ErrNoRows) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, fmt.Errorf("look at slot %q: %w", name, err)
	}
	if s.Confirmed, err = event.ParseLSN(confirmed); err != nil {
		return State{}, false, fmt.Errorf("look at slot %q: %w", name, err)
	}
	return s, true, nil
}

// Check returns a [postgres.SettingsError] when the slot is none that we can
// follow, and another error when we can't yet.
func (s State) Check(name, database string) error {
	wrong := func(problem, remedy string) error {
		return &postgres.SettingsError{Setting: "ingest.slot", Problem: fmt.Sprintf("slot %q %s", name, problem), Remedy: remedy}
	}
	const other = "Set ingest.slot (FAULTWIRE_INGEST_SLOT) to another name; faultwire makes it"
	switch {
	case s.Plugin != Plugin:
		if s.Plugin == "" {
			return wrong("is for physical replication", other)
		}
		return wrong("has the plugin "+s.Plugin+", not "+Plugin, other)
	case s.Database != database:
		return wrong(fmt.Sprintf("belongs to database %q, not to %q (another faultwire?)", s.Database, database), other)
	case s.TwoPhase:
		return wrong("was made with two_phase, which faultwire does not understand", other+", or drop it: "+DropSQL(name))
	case s.Copy: // a failover may be under way
		return fmt.Errorf("slot %q is the standby's copy of its primary's, which can't be followed before the standby is promoted; if it isn't going to be, set postgres.url (FAULTWIRE_POSTGRES_URL) to the primary", name)
	case s.Lost():
		return wrong("is lost: the server removed WAL that faultwire had not read yet (max_slot_wal_keep_size)",
			"ingest makes a new one and reads what is missing out of LiteLLM's table; to begin that by hand, drop it: "+DropSQL(name))
	}
	return nil
}

// Drop removes the slot. One that is followed is an error of the state
// [postgres.StateInUse]; one that isn't there is none.
func Drop(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", name)
	if err != nil && postgres.State(err) != postgres.StateUndefined {
		return fmt.Errorf("drop slot %q: %w", name, err)
	}
	return nil
}

// BlockedError says who keeps the slot from being made: a slot waits for every
// transaction that writes, in any database of the server.
type BlockedError struct {
	Name    string
	Blocker string // "" when it ended meanwhile
	Cause   error
}

func (e *BlockedError) Error() string {
	who := e.Blocker
	if who == "" {
		who = "a transaction that has ended by now"
	}
	return fmt.Sprintf("make slot %q: waiting for %s", e.Name, who)
}

func (e *BlockedError) Unwrap() error { return e.Cause }

// Create makes the slot on a replication connection, which has a lock_timeout;
// sql is for finding out who is in the way ([BlockedError]). A slot of that name
// is [ErrExists]. From PostgreSQL 17 on a standby can keep it in step, unless it is
// made on a standby itself.
func Create(ctx context.Context, replication *pgconn.PgConn, sql *pgx.Conn, name string, server postgres.Server) error {
	options, major := "NOEXPORT_SNAPSHOT", server.Major()
	switch {
	case major >= failoverMajor && !server.Standby:
		options = "(FAILOVER, SNAPSHOT 'nothing')"
	case major >= 15:
		options = "(SNAPSHOT 'nothing')"
	}
	_, err := pglogrepl.CreateReplicationSlot(ctx, replication, postgres.Quote(name), Plugin, pglogrepl.CreateReplicationSlotOptions{SnapshotAction: options})
	switch postgres.State(err) {
	case "":
	case postgres.StateDuplicate:
		return ErrExists
	case postgres.StateLockTimeout:
		return &BlockedError{Name: name, Blocker: blocker(ctx, sql), Cause: err}
	}
	if err != nil {
		return fmt.Errorf("make slot %q: %w", name, err)
	}
	return nil
}

// ErrExists is returned by Create when somebody was faster.
var ErrExists = errors.New("the slot exists already")

// blocker describes the oldest transaction that writes. Without pg_monitor the
// server hides what other roles do; then the pid has to be enough.
func blocker(ctx context.Context, conn *pgx.Conn) string {
	const query = `SELECT pid, coalesce(usename, ''), coalesce(datname, ''), coalesce(application_name, ''), xact_start
		FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start NULLS LAST LIMIT 1`
	var (
		pid                     int
		user, database, program string
		since                   *time.Time
	)
	if err := conn.QueryRow(ctx, query).Scan(&pid, &user, &database, &program, &since); err != nil {
		return "" // it is only for the message
	}
	text := fmt.Sprintf("the transaction of process %d (role %q, database %q, program %q)", pid, user, database, program)
	if since != nil {
		text += " open since " + since.UTC().Format(time.DateTime) + " UTC"
	}
	return fmt.Sprintf("%s; end it, or run as a superuser: SELECT pg_terminate_backend(%d);", text, pid)
}

// Unfinished says that somebody is making the slot, or was and left a walsender
// behind that goes on waiting.
func (s State) Unfinished(name string) error {
	who := fmt.Sprintf("process %d of the database, which is making it; if nobody is, run as a superuser: SELECT pg_terminate_backend(%d);", s.ActivePID, s.ActivePID)
	return &BlockedError{Name: name, Blocker: who}
}
