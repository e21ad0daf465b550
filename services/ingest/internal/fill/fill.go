// Package fill reads out of LiteLLM's table what the log hasn't: rows from before
// the first start, a gap, and all of it where the table is polled.
package fill

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

// Config is what a filler needs.
type Config struct {
	Table       postgres.Table
	SegmentSize uint64 // wal_segment_size
	Index       *ids.Index
	Queue       *feed.Queue
	Builder     *failure.Builder
	// Progress is that of the session which follows the slot meanwhile: rows that it
	// brings are its own. nil when the table is polled.
	Progress *feed.Progress
	Log      *slog.Logger
}

// Filler fills on one connection, which stays the caller's.
type Filler struct {
	Config
	conn *pgx.Conn
}

// New returns a filler.
func New(c Config, conn *pgx.Conn) *Filler { return &Filler{c, conn} }

// Range is what to read.
type Range struct {
	From time.Time // startTime, inclusive
	To   time.Time // exclusive; zero = open
	Mark failure.Mark
	// Since is when rows began to be missing: with [failure.Missed], those that had
	// ended long before are history.
	Since time.Time
	// Flight is the session that the entries belong to; nil = none.
	Flight *feed.Flight
	// Room waits until the log takes more; false ends the reading early. nil = it
	// always does.
	Room func(context.Context) (bool, error)
}

// Result is what was read.
type Result struct {
	Known   int       // failures that the log had
	Missing int       // that it has now
	Oldest  time.Time // how far back all was read
	Whole   bool      // false: Room ended it
}

// Run reads a range, newest first, and hands over the failures that the log hasn't.
// Each statement is short, reads only, and leaves no snapshot behind: a slice of the
// range is looked through for ids, then the rows of the unknown ones are read.
func (f *Filler) Run(ctx context.Context, r Range) (Result, error) {
	got := Result{Oldest: r.To}
	s := slicer{step: firstStep, from: r.From.UTC(), before: r.To.UTC()}
	for {
		slice, more, err := s.next(ctx, f.conn)
		if err != nil || !more {
			got.Whole = err == nil
			return got, err
		}
		whole, err := f.slice(ctx, r, &s, slice, &got)
		if err != nil || !whole {
			return got, err
		}
		got.Oldest = s.before
	}
}

// slice reads one slice, page by page; false = there was no room.
func (f *Filler) slice(ctx context.Context, r Range, s *slicer, slice span, got *Result) (bool, error) {
	after := rows.Place{}
	for {
		began, err := heartbeat.Read(ctx, f.conn, f.SegmentSize)
		if err != nil {
			return false, err
		}
		page, err := f.ids(ctx, s, slice, after)
		if err != nil {
			return false, err
		}
		if page == nil { // it took too long: the slicer gives a smaller one
			return true, nil
		}
		unknown, err := f.unknown(ctx, page)
		if err != nil {
			return false, err
		}
		got.Known += len(page) - len(unknown)
		if whole, err := f.hand(ctx, r, unknown, began.At, got); err != nil || !whole {
			return whole, err
		}
		if len(page) < pageIDs {
			s.done(slice)
			return true, nil
		}
		after = page[len(page)-1]
	}
}

// unknown returns the places whose failures the log hasn't, once a session that
// follows the slot has received all that was committed before the page was read.
func (f *Filler) unknown(ctx context.Context, page []rows.Place) ([]rows.Place, error) {
	unknown, err := f.missing(ctx, page)
	if err != nil || len(unknown) == 0 || f.Progress == nil {
		return unknown, err
	}
	now, err := heartbeat.Read(ctx, f.conn, f.SegmentSize)
	if err != nil {
		return nil, err
	}
	if err := f.Progress.Wait(ctx, now.LSN); err != nil {
		return nil, err
	}
	return f.missing(ctx, unknown)
}

func (f *Filler) missing(ctx context.Context, page []rows.Place) ([]rows.Place, error) {
	var unknown []rows.Place
	for _, p := range page {
		known, err := f.Index.Known(ctx, started(p), event.NewID(event.SourceSpendLogs, p.RequestID, p.StartTime))
		if err != nil {
			return nil, err
		}
		if !known {
			unknown = append(unknown, p)
		}
	}
	return unknown, nil
}

// hand reads the rows of places and puts them into the queue, some at a time, so
// that no statement stays open while the broker is slow.
func (f *Filler) hand(ctx context.Context, r Range, places []rows.Place, at time.Time, got *Result) (bool, error) {
	n := pageRows
	for len(places) > 0 {
		if r.Room != nil {
			if room, err := r.Room(ctx); err != nil || !room {
				return false, err
			}
		}
		n = min(n, len(places))
		entries, err := f.read(ctx, places[:n], at, r)
		if postgres.State(err) == postgres.StateQueryCanceled && n > 1 { // very large ones
			n /= 2
			continue
		}
		if err != nil {
			return false, err
		}
		places = places[n:]
		if len(entries) == 0 { // deleted meanwhile
			continue
		}
		entries = append(entries, feed.Entry{}) // nothing follows soon
		for _, e := range entries {
			e.Flight = r.Flight
			if err := f.Queue.Put(ctx, e); err != nil {
				return false, err
			}
		}
		got.Missing += len(entries) - 1
	}
	return true, nil
}

// read reads the rows of places.
func (f *Filler) read(ctx context.Context, places []rows.Place, at time.Time, r Range) (entries []feed.Entry, err error) {
	first, last := places[len(places)-1].StartTime, places[0].StartTime
	sql := fmt.Sprintf(`SELECT * FROM %s WHERE request_id = ANY($1::text[]) AND "startTime" BETWEEN $2::timestamp AND $3::timestamp AND %s ORDER BY %s`,
		f.Table.Name(), f.Table.Failed(), rows.Order)
	err = rows.ReadOnly(ctx, f.conn.PgConn(), statementTimeout, func() error {
		var building error
		result := f.conn.PgConn().ExecParams(ctx, sql, rows.Args(array(places), first, last), nil, nil, nil)
		err := rows.Each(result, func(row rows.Row) bool {
			e, err := f.Builder.Read(row.Layout, row.Values, at, r.Mark, r.Since)
			if err != nil {
				building = err
				return false
			}
			entries = append(entries, e)
			return true
		})
		if building != nil {
			return building
		}
		return err
	})
	if err != nil {
		return nil, readError(err, f.Table, f.conn)
	}
	return entries, nil
}
