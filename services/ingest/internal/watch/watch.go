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

	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

const (
	beatEvery    = 5 * time.Second
	slotEvery    = 15 * time.Second
	queryTimeout = 15 * time.Second

	warnEvery = 10 * time.Minute
	// warnRetained: how much WAL may pile up before we say so. The design allows 1 GiB
	// while any part of us runs.
	warnRetained = 512 << 20
)

// SlotMeter shows the state of the slot.
type SlotMeter interface {
	Slot(slot.State)
}

// Config is what a watcher needs.
type Config struct {
	Slot        string
	Publication publication.Publication
	SegmentSize uint64
	Clock       *postgres.Clock
	Waiting     *heartbeat.Waiting
	Meter       SlotMeter
	Log         *slog.Logger
}

// Watcher watches over one connection.
type Watcher struct {
	Config
	conn   *pgx.Conn
	warned time.Time
}

// New returns a watcher on a connection, which stays the caller's.
func New(c Config, conn *pgx.Conn) *Watcher { return &Watcher{Config: c, conn: conn} }

// Beat reads clock and position once.
func (w *Watcher) Beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	b, err := heartbeat.Read(ctx, w.conn, w.SegmentSize)
	if err != nil {
		return err
	}
	w.Clock.Set(b.At)
	w.Waiting.Put(b)
	return nil
}

// Run watches until ctx ends (nil), the server lets the connection go or
// something is wrong with publication or slot.
func (w *Watcher) Run(ctx context.Context) error {
	nextSlot := time.Now()
	for {
		if err := w.check(ctx, !time.Now().Before(nextSlot)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if !time.Now().Before(nextSlot) {
			nextSlot = time.Now().Add(slotEvery)
		}
		if err := w.rest(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := w.Beat(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// rest waits for the next beat, listening: a server that stops ends this
// connection first (57P01) and then waits for those that follow a slot. Who hears
// it lets go at once.
func (w *Watcher) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
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

// check looks at the publication, and at the slot if wanted. PostgreSQL 18 skips
// rows without an error when the publication is gone.
func (w *Watcher) check(ctx context.Context, withSlot bool) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	found, err := w.Publication.Check(ctx, w.conn)
	if err != nil {
		return err
	}
	if !found.Exists {
		return w.Publication.Missing(w.Slot)
	}
	if !withSlot {
		return nil
	}
	state, exists, err := slot.Read(ctx, w.conn, w.Slot)
	if err != nil || !exists { // gone: the stream itself will say so
		return err
	}
	w.Meter.Slot(state)
	if state.Retained > warnRetained && time.Since(w.warned) > warnEvery {
		w.warned = time.Now()
		w.Log.Warn("the database keeps much of its log for us, since it could not be read or stored yet", "slot", w.Slot, "bytes", state.Retained, "wal_status", state.Status)
	}
	return state.Check(w.Slot, w.conn.Config().Database)
}
