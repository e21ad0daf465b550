package replication_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/replication"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// TestMatrixSkipped: the publication is gone, which the server says at the first
// change: as an error up to PostgreSQL 17, as a warning from 18 on, where it goes on
// behind what it skipped. The session ends, and none of it is confirmed.
func TestMatrixSkipped(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.exec(t, "DROP PUBLICATION faultwire")
	var session *replication.Session
	conn, err := s.dialer.Replication(t.Context(), "UTF8", func(n *pgconn.Notice) {
		if session != nil {
			session.Notice(n)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	before := s.system(t).Commit
	s.exec(t, row("a1", "failure"))
	s.exec(t, row("a2", "failure"))
	after := s.system(t).Commit
	session, err = replication.Open(t.Context(), replication.Config{
		Slot: s.db.Name, Publication: "faultwire", Queue: s.queue, Clock: s.clock, Waiting: s.waiting, Gap: &s.gap, Progress: &feed.Progress{}, Log: s.logs.Logger(t),
		Builder: failure.NewBuilder(spendlog.Options{}, 1<<20, testkit.Logger(t)),
	}, conn)
	if err != nil {
		t.Fatal(err)
	}
	err = session.Run(t.Context())
	if s.db.Server.Major() < 18 {
		if postgres.State(err) != postgres.StateUndefined {
			t.Errorf("error %v", err)
		}
	} else if !errors.Is(err, replication.ErrSkipped) {
		t.Errorf("error %v", err)
	}
	if s.confirmed(t, after) || before >= after {
		t.Errorf("what lies between %s and %s is confirmed although it was skipped", before, after)
	}
}
