package fill_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/fill"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// source is a table, and what was read of it.
type source struct {
	config fill.Config
	conn   *pgx.Conn
}

func newSource(t *testing.T) *source {
	t.Helper()
	db := testkit.Postgres(t)
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	server, err := postgres.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	table, err := postgres.FindTable(t.Context(), conn, "public", false)
	if err != nil {
		t.Fatal(err)
	}
	log := testkit.Logger(t)
	return &source{conn: conn, config: fill.Config{
		Table: table, SegmentSize: server.SegmentSize, Index: ids.NewIndex(testkit.Store(t), ids.DefaultLimit, log), Queue: feed.NewQueue(),
		Builder: failure.NewBuilder(spendlog.Options{}, 1<<20, log), Log: log,
	}}
}

func (s *source) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// run fills a range and returns the request ids that came of it, in order.
func (s *source) run(t *testing.T, r fill.Range) (got []string, result fill.Result) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			e, ok := s.config.Queue.Pop()
			switch {
			case !ok:
				<-s.config.Queue.Ready()
				continue
			case e.Subject == end:
				return
			case !e.IsFailure():
				continue
			}
			f, err := event.Decode[event.Failure](e.Data)
			if err != nil || !e.Read || !f.Estimated {
				t.Errorf("entry %+v, %v", e.Header, err)
			}
			got = append(got, *f.Log.RequestID)
		}
	}()
	result, err := fill.New(s.config, s.conn).Run(t.Context(), r)
	if err != nil {
		t.Error(err)
	}
	if err := s.config.Queue.Put(t.Context(), feed.Entry{Subject: end}); err != nil {
		t.Error(err)
	}
	<-done
	return got, result
}

// end is the subject of the last entry.
const end = "end"

// TestPages: of a large table every failure in the range comes once, newest first,
// whatever shares its startTime, and successes don't.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
		SELECT 'r' || i, '', now() - (i / 500) * interval '10 s', now(), CASE WHEN i % 20 = 0 THEN 'success' ELSE 'failure' END FROM generate_series(1, 22500) i`)
	got, result := s.run(t, fill.Range{From: time.Now().Add(-2 * time.Hour), Mark: failure.History})
	var want []string
	rows, err := s.conn.Query(t.Context(), `SELECT request_id FROM "LiteLLM_SpendLogs" WHERE status = 'failure' AND "startTime" >= $1 ORDER BY "startTime" DESC, request_id`, time.Now().Add(-2*time.Hour).UTC())
	if err != nil {
		t.Fatal(err)
	}
	if want, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	if len(want) < 21_000 || !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d in the table's order", len(got), len(want))
	}
	if result.Missing != len(want) || result.Known != 0 || !result.Whole {
		t.Errorf("result %+v", result)
	}
}

// TestKnown: what the log has is not read.
func TestKnown(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) SELECT 'r' || i, '', '2026-11-24 10:00:00', now(), 'failure' FROM generate_series(1, 300) i`)
	started := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var known []ids.Record
	for i := 1; i <= 300; i += 2 {
		known = append(known, ids.Record{Started: started, ID: event.NewID(event.SourceSpendLogs, fmt.Sprint("r", i), "2026-11-24 10:00:00")})
	}
	if err := s.config.Index.Add(t.Context(), known, 1); err != nil {
		t.Fatal(err)
	}
	got, result := s.run(t, fill.Range{From: started.Add(-time.Hour), To: started.Add(time.Hour)})
	if len(got) != 150 || result.Known != 150 || result.Missing != 150 || slices.Contains(got, "r1") {
		t.Errorf("%d rows, %+v", len(got), result)
	}
}

// TestRange: its beginning belongs to it, its end doesn't; with no end what is in the
// future does too.
func TestRange(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES
		('before', '', '2026-11-24 09:59:59.999', now(), 'failure'), ('from', '', '2026-11-24 10:00:00', now(), 'failure'), ('last', '', '2026-11-24 13:59:59.999', now(), 'failure'),
		('to', '', '2026-11-24 14:00:00', now(), 'failure'), ('future', '', now() + interval '1 year', now(), 'failure')`)
	from := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	if got, _ := s.run(t, fill.Range{From: from, To: from.Add(4 * time.Hour)}); !slices.Equal(got, []string{"last", "from"}) {
		t.Errorf("read %q", got)
	}
	if got, _ := s.run(t, fill.Range{From: from}); !slices.Equal(got, []string{"future", "to", "last", "from"}) {
		t.Errorf("read %q of the open range", got)
	}
}

// TestHostile: request ids are the client's to choose.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	hostile := []string{"", " ", "None", "NULL", `"`, `\`, `\"`, "{", "}", "{},{}", ",", "'; DROP TABLE x; --", "模型", "\n\t", "\u2028", `\x00`, "$1"}
	for i, id := range hostile {
		if _, err := s.conn.Exec(t.Context(), `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ($1, '', now() - $2::int * interval '1 s', now(), 'failure')`, id, i); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := s.run(t, fill.Range{From: time.Now().Add(-time.Hour)}); !slices.Equal(got, hostile) {
		t.Errorf("read %q\nwant %q", got, hostile)
	}
}

// TestNoRoom: a full log ends the reading, and the result says how far it got.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) SELECT 'r' || i, '', now() - i * interval '1 s', now(), 'failure' FROM generate_series(1, 1000) i`)
	asked := 0
	got, result := s.run(t, fill.Range{From: time.Now().Add(-time.Hour), Room: func(context.Context) (bool, error) { asked++; return asked <= 2, nil }})
	if len(got) != 200 || result.Whole || result.Missing != 200 {
		t.Errorf("%d rows, %+v", len(got), result)
	}
}

// TestWaitsForTheStream: rows that the session brings meanwhile are its own.
func TestWaitsForTheStream(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.config.Progress = &feed.Progress{}
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('a', '', '2026-11-24 10:00:00', now(), 'failure'), ('b', '', '2026-11-24 10:00:01', now(), 'failure')`)
	started := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	go func() {
		testkit.Eventually(t, time.Minute, "the filler waits", s.config.Progress.Wanted)
		record := ids.Record{Started: started, ID: event.NewID(event.SourceSpendLogs, "a", "2026-11-24 10:00:00")}
		if err := s.config.Index.Add(t.Context(), []ids.Record{record}, 1); err != nil {
			t.Error(err)
		}
		b, err := heartbeat.Read(t.Context(), s.conn2(t), s.config.SegmentSize)
		if err != nil {
			t.Error(err)
		}
		s.config.Progress.Set(b.LSN)
	}()
	if got, result := s.run(t, fill.Range{From: started.Add(-time.Hour), To: started.Add(time.Hour)}); !slices.Equal(got, []string{"b"}) {
		t.Errorf("read %q, %+v", got, result)
	}
}

func (s *source) conn2(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), s.conn.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
