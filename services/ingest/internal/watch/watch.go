// Package watch is the SQL side of a session: it reads the database's clock for
// heartbeats, looks after the publication and the slot, and notices when the
// server goes away.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

const (
	every        = 5 * time.Second
	queryTimeout = 15 * time.Second

	warnEvery = 10 * time.Minute
	// warnRetained: how much WAL may pile up before we say so. The design allows 1 GiB
	// while any part of us runs.
	warnRetained = 512 << 20
	// stalledFor is how long the server may send nothing although its log goes on.
	stalledFor = time.Minute
)

// SlotMeter shows the state of the slot.
type SlotMeter interface {
	Slot(slot.State)
}

// Config is what a watcher needs.
type Config struct {
	Slot        string
	Publication publication.Publication
	Version     string // of the publication when the session began
	SegmentSize uint64
	Clock       *postgres.Clock
	Waiting     *heartbeat.Waiting
	Progress    *feed.Progress
	Meter       SlotMeter
	Log         *slog.Logger
}

// Watcher watches over one connection.
type Watcher struct {
	Config
	conn   *pgx.Conn
	warned time.Time

	at      event.LSN // of Progress when it last moved
	moved   time.Time
	stalled bool // and it was said
}

// New returns a watcher on a connection, which stays the caller's.
func New(c Config, conn *pgx.Conn) *Watcher {
	return &Watcher{Config: c, conn: conn, moved: time.Now()}
}

// Run watches until ctx ends (nil), the server lets the connection go or
// something is wrong with publication or slot.
func (w *Watcher) Run(ctx context.Context) error {
	for {
		if err := w.rest(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := w.Look(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// rest waits for the next look, listening: a server that stops ends this
// connection first (57P01) and then waits for those that follow a slot. Who hears
// it lets go at once.
func (w *Watcher) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	for {
		_, err := w.conn.WaitForNotification(ctx)
		switch {
		case ctx.Err() != nil && (pgconn.Timeout(err) || errors.Is(err, ctx.Err())):
			return nil
		case err != nil:
			return fmt.Errorf("the server ended the connection: %w", err)
		}
	}
}

// Look reads clock and position, then looks at slot and publication. Only when
// these are as they must be the reading becomes a heartbeat: PostgreSQL 18 skips
// rows without an error when the publication is gone, and a table that was renamed
// sends nothing on any version.
func (w *Watcher) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	b, err := heartbeat.Read(ctx, w.conn, w.SegmentSize)
	if err != nil {
		return err
	}
	w.Clock.Set(b.At)
	if err := w.check(ctx); err != nil {
		return err
	}
	w.Waiting.Put(b)
	w.progress(b.LSN)
	return nil
}

func (w *Watcher) check(ctx context.Context) error {
	found, err := w.Publication.Check(ctx, w.conn)
	switch {
	case err != nil:
		return err
	case !found.Exists:
		return w.Publication.Missing(w.Slot)
	case found.Moved:
		return fmt.Errorf("publication %q: %w", w.Publication.Name, publication.ErrMoved)
	case found.Version != w.Version:
		return fmt.Errorf("publication %q: %w", w.Publication.Name, publication.ErrChanged)
	}
	state, exists, err := slot.Read(ctx, w.conn, w.Slot)
	if err != nil || !exists { // gone: the stream itself will say so
		return err
	}
	w.Meter.Slot(state)
	if state.Retained > warnRetained && time.Since(w.warned) > warnEvery {
		w.warned = time.Now()
		w.Log.Warn("the database keeps much of its log for us: if it goes on growing, look whether NATS takes messages and whether a transaction is open for long; max_slot_wal_keep_size bounds it",
			"slot", w.Slot, "bytes", state.Retained, "not_stored_yet", state.Held, "wal_status", state.Status)
	}
	return state.Check(w.Slot, w.conn.Config().Database)
}

// progress says when the server sends nothing although its log goes on, which is no
// error to it: a standby named in synchronized_standby_slots (PostgreSQL 17 and
// later) that is down keeps it waiting.
func (w *Watcher) progress(server event.LSN) {
	at := w.Progress.At()
	switch {
	case at != w.at || at >= server:
		if w.stalled {
			w.stalled = false
			w.Log.Info("the database sends its log again", "slot", w.Slot)
		}
		w.at, w.moved = at, time.Now()
	case !w.stalled && time.Since(w.moved) > stalledFor:
		w.stalled = true
		w.Log.Warn("no progress: the database's log goes on and nothing of it is sent; if synchronized_standby_slots names a standby, look whether it is up",
			"slot", w.Slot, "received", at, "server", server)
	}
}
