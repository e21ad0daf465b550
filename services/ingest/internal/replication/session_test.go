package replication_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/replication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const wait = 30 * time.Second

// source is a database with publication and slot, whose rows nobody publishes: the
// test takes them out of the queue.
type source struct {
	db      *testkit.Database
	sql     *pgx.Conn
	dialer  *postgres.Dialer
	queue   *feed.Queue
	clock   *postgres.Clock
	waiting *heartbeat.Waiting
	gap     gap.State
	logs    *testkit.Logs
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{db: testkit.Postgres(t), queue: feed.NewQueue(), clock: &postgres.Clock{}, waiting: &heartbeat.Waiting{}, logs: testkit.NewLogs()}
	s.sql = s.db.Conn(t)
	var err error
	if s.dialer, err = postgres.NewDialer(s.db.URL); err != nil {
		t.Fatal(err)
	}
	server, err := postgres.Inspect(t.Context(), s.sql)
	if err != nil {
		t.Fatal(err)
	}
	table, err := postgres.FindTable(t.Context(), s.sql, "public", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := (publication.Publication{Name: "faultwire", Table: table, Major: server.Major()}).Create(t.Context(), s.sql); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sql.Exec(t.Context(), slot.CreateSQL(s.db.Name, server.Major())); err != nil {
		t.Fatal(err)
	}
	return s
}

// follow runs a session until the function returned is called.
func (s *source) follow(t *testing.T, tail event.Position) (stop func()) {
	t.Helper()
	testkit.Eventually(t, wait, "the slot is free", func() bool {
		state, _, err := slot.Read(t.Context(), s.sql, s.db.Name)
		return err == nil && state.ActivePID == 0
	})
	conn, err := s.dialer.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := replication.Open(t.Context(), replication.Config{
		Slot: s.db.Name, Publication: "faultwire", Queue: s.queue, Clock: s.clock, Waiting: s.waiting, Gap: &s.gap, Progress: &feed.Progress{}, Log: s.logs.Logger(t),
		Builder: failure.NewBuilder(spendlog.Options{}, 1<<20, testkit.Logger(t)),
	}, conn)
	if err != nil {
		t.Fatal(err)
	}
	session.Resume(tail, time.Time{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := session.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// next takes an entry out of the queue.
func (s *source) next(t *testing.T) feed.Entry {
	t.Helper()
	timeout := time.After(wait)
	for {
		if e, ok := s.queue.Pop(); ok {
			return e
		}
		select {
		case <-s.queue.Ready():
		case <-timeout:
			t.Fatal("no entry comes")
		}
	}
}

// system is the history that the server is in.
func (s *source) system(t *testing.T) event.Position {
	t.Helper()
	conn, err := s.dialer.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	is, err := pglogrepl.IdentifySystem(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return event.Position{System: is.SystemID, Timeline: is.Timeline, Commit: event.LSN(is.XLogPos)}
}

func (s *source) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.sql.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// row is an INSERT of one row.
func row(id, status string) string {
	return fmt.Sprintf(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('%s', '', now(), now(), '%s');`, id, status)
}

// confirmed asks whether the server was told that all before lsn is safe.
func (s *source) confirmed(t *testing.T, lsn event.LSN) bool {
	t.Helper()
	var yes bool
	if err := s.sql.QueryRow(t.Context(), "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $2", lsn.String(), s.db.Name).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

// failure takes the next failure out of the queue.
func (s *source) failure(t *testing.T) feed.Entry {
	t.Helper()
	for {
		if e := s.next(t); e.IsFailure() {
			return e
		}
	}
}

// TestMatrixSequence checks what comes of transactions, in order: failures numbered
// within theirs, then its end; nothing of successes and of what was rolled back.
func TestMatrixSequence(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.follow(t, event.Position{})
	s.exec(t, "BEGIN;"+row("a1", "failure")+row("a2", "success")+row("a3", "failure")+"COMMIT")
	s.exec(t, "BEGIN;"+row("b1", "success")+"COMMIT")
	s.exec(t, "BEGIN;"+row("c1", "failure")+"ROLLBACK")
	s.exec(t, "BEGIN;"+row("d1", "failure")+"SAVEPOINT x;"+row("d2", "failure")+"ROLLBACK TO x;"+row("d3", "failure")+"COMMIT")
	var got []string
	var at, before event.Position
	for len(got) < 6 {
		e := s.next(t)
		if e.Beat != nil {
			continue
		}
		if !e.IsMessage() {
			if len(got) == 0 || got[len(got)-1] != "end" { // PostgreSQL 14 sends the transactions without our rows too
				got = append(got, "end")
			}
			continue
		}
		f, err := event.Decode[event.Failure](e.Data)
		if err != nil {
			t.Fatal(err)
		}
		before, at = at, e.Header.Position
		if at.Compare(before) <= 0 || f.Position != at {
			t.Errorf("position %s after %s, in the body %s", at, before, f.Position)
		}
		got = append(got, fmt.Sprint(*f.Log.RequestID, " ", at.Row))
	}
	want := []string{"a1 1", "a3 2", "end", "d1 1", "d3 2", "end"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestConfirm: the server hears of nothing but what a durable heartbeat vouches for,
// and then also of what it never sent.
func TestConfirm(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.follow(t, event.Position{})
	s.exec(t, "BEGIN;"+row("a1", "failure")+row("a2", "failure")+"COMMIT")
	one, _, _ := s.next(t), s.next(t), s.next(t)
	s.exec(t, row("b1", "success"))
	after := s.system(t).Commit
	flight := one.Flight
	// A heartbeat waits behind what is on its way, so the server keeps answering.
	s.waiting.Put(heartbeat.Beat{At: time.Now(), LSN: after})
	beat := s.next(t)
	if beat.Beat == nil || beat.Header.Position.Commit < after || beat.Confirm != beat.Header.Position.Commit {
		t.Errorf("entry %+v is no heartbeat", beat)
	}
	s.exec(t, row("c1", "failure")) // the server hears of us meanwhile
	s.next(t)
	if s.confirmed(t, one.Header.Position.Commit) {
		t.Error("confirmed although the log does not show it yet")
	}
	flight.Land(beat.Confirm)
	testkit.Eventually(t, wait, "all that the heartbeat vouches for is confirmed", func() bool { return s.confirmed(t, after) })
}

// TestHold: while failures are held back nothing of them is handed over, and still
// the server may forget them; afterwards they come again.
func TestHold(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.follow(t, event.Position{})
	s.gap.Hold(time.Now(), "a storm")
	s.exec(t, row("a1", "failure")+row("a2", "failure"))
	held := s.system(t).Commit
	testkit.Eventually(t, wait, "held failures are confirmed", func() bool { return s.confirmed(t, held) })
	if n := s.gap.Release(); n != 2 {
		t.Errorf("%d held back", n)
	}
	s.exec(t, row("b1", "failure"))
	e := s.failure(t)
	if f, err := event.Decode[event.Failure](e.Data); err != nil || *f.Log.RequestID != "b1" {
		t.Errorf("entry %s, %v", e.Data, err)
	}
}

// TestClock: a commit in the database's future counts as now.
func TestClock(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.clock.Set(time.Now().Add(-time.Hour))
	s.follow(t, event.Position{})
	s.exec(t, row("a", "failure"))
	e := s.next(t)
	if !e.Estimated || time.Since(e.Header.Time).Round(time.Minute) != time.Hour {
		t.Errorf("committed %s ago, estimated %v", time.Since(e.Header.Time), e.Estimated)
	}
	s.clock.Set(time.Now())
	s.exec(t, row("b", "failure"))
	if e := s.failure(t); e.Estimated || time.Since(e.Header.Time) > wait {
		t.Errorf("committed %s ago, estimated %v", time.Since(e.Header.Time), e.Estimated)
	}
}

// TestRewound: a server whose log ends before what we read of it is a restored
// copy. Its positions mean other rows.
func TestRewound(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	tail := s.system(t)
	tail.Commit += 1 << 40
	s.follow(t, tail)
	testkit.WaitLog(t, s.logs, wait, "restored from a copy")
	s.exec(t, row("a1", "failure"))
	if e := s.next(t); !e.Flight.Rewound || !e.IsFailure() {
		t.Errorf("entry %+v", e)
	}
}

// TestFullQueue: while nothing is taken from the queue the server is told, every
// second, that we live.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.follow(t, event.Position{})
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) SELECT i::text, '', now(), now(), 'failure' FROM generate_series(1, 6000) i`)
	replies := map[time.Time]bool{}
	testkit.Eventually(t, wait, "the server hears of us", func() bool {
		var at *time.Time
		if err := s.sql.QueryRow(t.Context(), "SELECT reply_time FROM pg_stat_replication WHERE application_name = 'faultwire' AND pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1)", s.db.Name).Scan(&at); err != nil {
			t.Fatal(err)
		}
		if at != nil {
			replies[*at] = true
		}
		return len(replies) >= 4
	})
	for n := 0; n < 6000; {
		if e := s.next(t); e.IsFailure() {
			n++
		}
	}
}
