// Package heartbeat keeps the promises that ingest may make once it has read far
// enough: nothing committed before a moment is missing.
package heartbeat

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
)

const (
	// Margin is how far the watermark stays behind the clock that was read: a
	// commit takes its time before it takes its place in the log.
	Margin = time.Second

	kept = 16 // waiting, the newest

	pageSize    = 8192
	shortHeader = 24 // of a page of WAL (SizeOfXLogShortPHD)
	longHeader  = 40 // of the first page of a segment (SizeOfXLogLongPHD)
)

// Beat is a reading of the database's clock, and then of the end of its log.
// Whatever was committed before the clock showed At − 1 s lies before LSN.
type Beat struct {
	At  time.Time
	LSN event.LSN
}

// Watermark is the moment before which nothing is missing once LSN is reached.
func (b Beat) Watermark() time.Time { return b.At.Add(-Margin).UTC() }

// Read reads the clock and the position, in that order. On a standby that is behind,
// the clock is that of the last transaction it has. segmentSize is the
// server's wal_segment_size.
func Read(ctx context.Context, conn *pgx.Conn, segmentSize uint64) (Beat, error) {
	var (
		at   time.Time
		text string
	)
	const query = `SELECT CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
			THEN least(clock_timestamp(), coalesce(pg_last_xact_replay_timestamp(), clock_timestamp())) ELSE clock_timestamp() END,
		(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text`
	if err := conn.QueryRow(ctx, query).Scan(&at, &text); err != nil {
		return Beat{}, fmt.Errorf("read the database's clock and position: %w", err)
	}
	lsn, err := event.ParseLSN(text)
	if err != nil {
		return Beat{}, fmt.Errorf("read the database's position: %w", err)
	}
	return Beat{At: at.UTC(), LSN: PageStart(lsn, segmentSize)}, nil
}

// PageStart steps back over a page header. The insert position of an idle server
// is behind the header of a page that has no record yet; the walsender's is
// before it.
func PageStart(lsn event.LSN, segmentSize uint64) event.LSN {
	in := uint64(lsn) % pageSize
	switch {
	case in == shortHeader && uint64(lsn)%segmentSize != shortHeader:
		return lsn - shortHeader
	case in == longHeader && uint64(lsn)%segmentSize == longHeader:
		return lsn - longHeader
	}
	return lsn
}

// Waiting holds beats whose LSN has not been reached. One goroutine puts them in,
// another takes them out.
type Waiting struct {
	mu    sync.Mutex
	beats []Beat
}

// Put adds a beat. Only the newest 16 are kept.
func (w *Waiting) Put(b Beat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.beats) == kept {
		w.beats = append(w.beats[:0], w.beats[1:]...)
	}
	w.beats = append(w.beats, b)
}

// Any reports whether a beat waits.
func (w *Waiting) Any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.beats) > 0
}

// Take removes the beats that are reached when all before lsn was received, and
// returns the newest of them.
func (w *Waiting) Take(lsn event.LSN) (newest Beat, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.beats[:0]
	for _, b := range w.beats {
		if b.LSN <= lsn {
			newest, ok = b, true
		} else {
			waiting = append(waiting, b)
		}
	}
	w.beats = waiting
	return newest, ok
}
