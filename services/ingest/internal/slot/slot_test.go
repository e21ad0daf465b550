package slot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

type fixture struct {
	db          *testkit.Database
	sql         *pgx.Conn
	replication *pgconn.PgConn
	server      postgres.Server
}

func open(t *testing.T) fixture {
	t.Helper()
	db := testkit.Postgres(t)
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	replication, err := dialer.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replication.Close(context.WithoutCancel(t.Context())) })
	sql := db.Conn(t)
	server, err := postgres.Inspect(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return fixture{db, sql, replication, server}
}

func TestCreateAndRead(t *testing.T) {
	t.Parallel()
	f := open(t)
	if _, found, err := slot.Read(t.Context(), f.sql, f.db.Name); err != nil || found {
		t.Fatalf("before: %v, %v", found, err)
	}
	if err := slot.Create(t.Context(), f.replication, f.sql, f.db.Name, f.server); err != nil {
		t.Fatal(err)
	}
	s, found, err := slot.Read(t.Context(), f.sql, f.db.Name)
	if err != nil || !found {
		t.Fatalf("after: %v, %v", found, err)
	}
	if err := s.Check(f.db.Name, f.db.Name); err != nil {
		t.Error(err)
	}
	if s.Half || s.Lost() || s.ActivePID != 0 || s.Retained < 0 {
		t.Errorf("state %+v", s)
	}
	if err := slot.Create(t.Context(), f.replication, f.sql, f.db.Name, f.server); !errors.Is(err, slot.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
}

// TestSQL runs the printed statements.
func TestSQL(t *testing.T) {
	t.Parallel()
	f := open(t)
	for _, sql := range []string{slot.CreateSQL(f.db.Name, f.server.Major()), slot.DropSQL(f.db.Name)} {
		if _, err := f.sql.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestWrong finds slots that can't be followed.
func TestWrong(t *testing.T) {
	t.Parallel()
	f := open(t)
	for name, create := range map[string]string{
		"test_decoding": "SELECT pg_create_logical_replication_slot('%s', 'test_decoding')",
		"physical":      "SELECT pg_create_physical_replication_slot('%s')",
		"two_phase":     "SELECT pg_create_logical_replication_slot('%s', 'pgoutput', false, true)",
	} {
		own := f.db.Name + "_" + name
		if _, err := f.sql.Exec(t.Context(), fmt.Sprintf(create, own)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // a physical slot belongs to no database
			if _, err := f.sql.Exec(context.WithoutCancel(t.Context()), slot.DropSQL(own)); err != nil {
				t.Error(err)
			}
		})
		s, _, err := slot.Read(t.Context(), f.sql, own)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(own, f.db.Name); !postgres.IsSettings(err) || !strings.Contains(err.Error(), "FAULTWIRE_INGEST_SLOT") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := slot.State{Plugin: "pgoutput", Database: "litellm"}
	if err := ours.Check("faultwire", "other"); !postgres.IsSettings(err) || !strings.Contains(err.Error(), `database "litellm"`) {
		t.Errorf("of another database: %v", err)
	}
	ours.Status = "lost"
	if err := ours.Check("faultwire", "litellm"); !postgres.IsSettings(err) || !strings.Contains(err.Error(), slot.DropSQL("faultwire")) {
		t.Errorf("lost: %v", err)
	}
}

// TestBlocked: a transaction that writes keeps the slot from being made. The
// message says whose, and no half-made slot stays behind.
func TestBlocked(t *testing.T) {
	t.Parallel()
	f := open(t)
	other := f.db.Conn(t)
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.replication.Exec(t.Context(), "SET lock_timeout = 100").ReadAll(); err != nil {
		t.Fatal(err)
	}
	err = slot.Create(t.Context(), f.replication, f.sql, f.db.Name, f.server)
	blocked, ok := errors.AsType[*slot.BlockedError](err)
	if !ok {
		t.Fatalf("error %v, want a BlockedError", err)
	}
	// Other tests share the server, so the oldest writer may be one of theirs.
	if !strings.Contains(blocked.Error(), "pg_terminate_backend(") {
		t.Errorf("message: %v", blocked)
	}
	if _, found, err := slot.Read(t.Context(), f.sql, f.db.Name); err != nil || found {
		t.Errorf("a slot is there: %v, %v", found, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := slot.Create(t.Context(), f.replication, f.sql, f.db.Name, f.server); err != nil {
		if _, ok := errors.AsType[*slot.BlockedError](err); !ok { // of another test
			t.Error(err)
		}
	}
}
