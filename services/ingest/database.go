package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

const (
	// defaultPatience is how long a start tries to reach the database.
	defaultPatience = 30 * time.Second

	retryFirst = 250 * time.Millisecond
	retryMost  = 5 * time.Second

	endPause = 10 * time.Millisecond
)

// database is LiteLLM's database by our settings.
type database struct {
	cfg    Config
	dialer *postgres.Dialer
	log    *slog.Logger
}

func newDatabase(cfg Config, log *slog.Logger) (*database, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dialer, err := postgres.New(cfg.Postgres, os.Getenv)
	if err != nil {
		return nil, err
	}
	return &database{cfg: cfg, dialer: dialer, log: log}, nil
}

// visit is a connection and what it showed.
type visit struct {
	conn        *pgx.Conn
	server      postgres.Server
	table       postgres.Table
	publication publication.Publication
	version     string // of the publication, once ensure has seen it
}

// open connects and looks around. The caller closes the connection.
func (d *database) open(ctx context.Context) (*visit, error) {
	conn, err := d.dialer.SQL(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{conn: conn}
	if v.server, err = postgres.Inspect(ctx, conn); err == nil {
		v.table, err = postgres.FindTable(ctx, conn, d.cfg.Postgres.Schema, d.cfg.Ingest.IncludeRescued)
	}
	if err != nil {
		v.close(ctx)
		return nil, err
	}
	v.publication = publication.Publication{Name: d.cfg.Ingest.Publication, Table: v.table, Major: v.server.Major()}
	return v, nil
}

func (v *visit) close(ctx context.Context) {
	postgres.Close(ctx, v.conn)
}

// made is what ensure had to make.
type made struct {
	publication, slot bool
	followed          bool // the publication follows the table again
	unfiltered        bool
}

// ensure makes what is missing, the publication first, and makes a slot anew that
// can't be followed any more: what lies between is read out of the table. skipped =
// the slot is known to have been read where its publication was missing.
func (d *database) ensure(ctx context.Context, v *visit, skipped bool) (made, error) {
	var m made
	if err := v.server.Followable(); err != nil {
		return m, err
	}
	name := d.cfg.Ingest.Slot
	state, there, err := slot.Read(ctx, v.conn, name)
	if err != nil {
		return m, err
	}
	if there {
		err := state.Check(name, v.conn.Config().Database)
		if err != nil && !(state.Lost() && state.Ours(name, v.conn.Config().Database) == nil) {
			return m, err
		}
	}
	if err := d.ensurePublication(ctx, v, &m); err != nil {
		return m, err
	}
	if there {
		if why := useless(state, m.publication || skipped); why != "" {
			if err := d.dropUseless(ctx, v, state, why); err != nil {
				return m, err
			}
			there = false
		}
	}
	switch {
	case there && state.Half:
		return m, state.Unfinished(name)
	case there:
		return m, nil
	}
	err = d.makeSlot(ctx, v)
	if errors.Is(err, slot.ErrExists) { // somebody was faster; the next look checks it
		return m, nil
	}
	m.slot = err == nil
	return m, err
}

func (d *database) ensurePublication(ctx context.Context, v *visit, m *made) error {
	found, err := v.publication.Check(ctx, v.conn)
	switch {
	case err != nil:
		return err
	case found.Moved:
		err = v.publication.Follow(ctx, v.conn)
		m.followed = err == nil
	case !found.Exists:
		err = v.publication.Create(ctx, v.conn)
		m.publication = err == nil
	}
	if err == nil && (m.publication || m.followed) {
		found, err = v.publication.Check(ctx, v.conn)
	}
	m.unfiltered, v.version = found.Unfiltered, found.Version
	return err
}

// useless says why a slot can't be followed any more; "" = it can. One that is older
// than its publication looks at a past without it, for ever.
func useless(state slot.State, older bool) string {
	switch {
	case state.Lost():
		return "the server removed WAL that had not been read yet (max_slot_wal_keep_size, idle_replication_slot_timeout)"
	case older:
		return "its publication was missing for a time"
	}
	return ""
}

func (d *database) dropUseless(ctx context.Context, v *visit, state slot.State, why string) error {
	name := d.cfg.Ingest.Slot
	err := slot.Drop(ctx, v.conn, name)
	if postgres.State(err) == postgres.StateInUse {
		return fmt.Errorf("%w %q (process %d of the database)", errStandby, name, state.ActivePID)
	}
	if err != nil {
		return err
	}
	d.log.Warn("the replication slot can't be followed any more and is made anew", "slot", name, "reason", why)
	return nil
}

func (d *database) makeSlot(ctx context.Context, v *visit) error {
	replication, err := d.dialer.Replication(ctx, v.server.Encoding, nil)
	if err != nil {
		return err
	}
	defer func() {
		postgres.Close(ctx, replication)
		d.gone(ctx, v, replication.PID())
	}()
	return d.dialer.Replicable(slot.Create(ctx, replication, v.conn, d.cfg.Ingest.Slot, v.server))
}

// gone waits until the server has ended a connection of ours: it may have been the
// last one that max_wal_senders allows.
func (d *database) gone(ctx context.Context, v *visit, pid uint32) {
	for there := true; there && lifecycle.Pause(ctx, endPause); {
		if err := v.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1)", int64(pid)).Scan(&there); err != nil {
			return // the next step will see
		}
	}
}

// persist repeats try until it succeeds, is refused for good, or patience is over.
// What went wrong is logged the first time and then every minute.
func (d *database) persist(ctx context.Context, patience time.Duration, try func() error) error {
	pause, said, until := retryFirst, time.Time{}, time.Now().Add(patience)
	for {
		err := try()
		switch {
		case err == nil || postgres.IsSettings(err):
			return err
		case time.Now().After(until):
			return gaveUp(err, patience)
		case time.Since(said) > logEvery:
			said = time.Now()
			d.log.Warn("LiteLLM's database is not ready for us, trying again", "error", err)
		}
		if !lifecycle.Pause(ctx, pause) {
			return fmt.Errorf("%w; interrupted: %w", err, context.Cause(ctx))
		}
		pause = min(2*pause, retryMost)
	}
}

// gaveUp ends an error of a start.
func gaveUp(err error, patience time.Duration) error {
	if _, ok := errors.AsType[*postgres.UnreachableError](err); ok {
		return fmt.Errorf("%w; given up after %s of tries: start PostgreSQL, or correct postgres.url (FAULTWIRE_POSTGRES_URL)", err, patience)
	}
	return fmt.Errorf("%w; given up after %s of tries", err, patience)
}
