package heartbeat_test

import (
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

func TestRead(t *testing.T) {
	t.Parallel()
	conn := testkit.Postgres(t).Conn(t)
	server, err := postgres.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	first, err := heartbeat.Read(t.Context(), conn, server.SegmentSize)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime") VALUES ('a', '', now(), now())`); err != nil {
		t.Fatal(err)
	}
	second, err := heartbeat.Read(t.Context(), conn, server.SegmentSize)
	if err != nil {
		t.Fatal(err)
	}
	if first.LSN == 0 || second.LSN <= first.LSN || !second.At.After(first.At) {
		t.Errorf("readings %+v, %+v", first, second)
	}
	if got := first.At.Sub(first.Watermark()); got != time.Second {
		t.Errorf("watermark %s behind the clock", got)
	}
}

// TestPageStart steps back over page headers and over nothing else.
func TestPageStart(t *testing.T) {
	t.Parallel()
	const segment = 16 << 20
	for lsn, want := range map[event.LSN]event.LSN{
		5*segment + 8192 + 24:   5*segment + 8192,      // behind a short header
		5*segment + 40:          5 * segment,           // behind a segment's header
		5*segment + 24:          5*segment + 24,        // inside it
		5*segment + 8192 + 40:   5*segment + 8192 + 40, // a record ended here
		5*segment + 8192 + 1000: 5*segment + 8192 + 1000,
	} {
		if got := heartbeat.PageStart(lsn, segment); got != want {
			t.Errorf("%s: %s, want %s", lsn, got, want)
		}
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	var w heartbeat.Waiting
	if _, ok := w.Take(1 << 60); ok || w.Any() {
		t.Error("an empty one gives something")
	}
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for i := range 20 {
		w.Put(heartbeat.Beat{At: at.Add(time.Duration(i) * time.Second), LSN: event.LSN(100 + i)})
	}
	if _, ok := w.Take(103); ok { // the oldest four made room
		t.Error("a beat past the 16 newest was kept")
	}
	if b, ok := w.Take(110); !ok || b.LSN != 110 {
		t.Errorf("took %+v, %v", b, ok)
	}
	if b, ok := w.Take(110); ok {
		t.Errorf("took %+v twice", b)
	}
	if !w.Any() {
		t.Error("later beats are gone")
	}
	if b, ok := w.Take(1000); !ok || b.LSN != 119 || w.Any() {
		t.Errorf("took %+v, %v", b, ok)
	}
}
