package testkit_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/testkit"
)

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := testkit.Postgres(t), testkit.Postgres(t)
	if a.Name == b.Name || a.Server != b.Server {
		t.Errorf("databases %s and %s on servers %p and %p", a.Name, b.Name, a.Server, b.Server)
	}
	const insert = `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime") VALUES ('r', '', now(), now())`
	exec(t, a.Conn(t), insert)
	if n := count(t, b.Conn(t), `SELECT count(*) FROM "LiteLLM_SpendLogs"`); n != 0 {
		t.Errorf("%d rows of another test", n)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	// Columns of SpendLogs by release, 0 without a schema.
	for version, want := range map[string]int{"": 0, "1.67.2": 25, "1.80.10": 31, "1.83.14": 32, "1.106.0": 36} {
		t.Run("v"+version, func(t *testing.T) {
			t.Parallel()
			const columns = `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'LiteLLM_SpendLogs'`
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			if n := count(t, conn, columns); n != want {
				t.Errorf("%d columns, want %d", n, want)
			}
		})
	}
}

// follow makes a publication and a slot named after the database and streams
// from it, as ingest does, until the connection is closed.
func follow(t *testing.T, db *testkit.Database) *pgconn.PgConn {
	t.Helper()
	conn := db.Conn(t)
	exec(t, conn, "CREATE PUBLICATION "+db.Name+` FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert')`)
	exec(t, conn, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", db.Name)
	cfg, err := pgconn.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["replication"] = "database"
	follower, err := pgconn.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	follower.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION SLOT " + db.Name +
		" LOGICAL 0/0 (proto_version '1', publication_names '" + db.Name + "')"})
	if err := follower.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	msg, err := follower.ReceiveMessage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := msg.(*pgproto3.CopyBothResponse); !ok {
		t.Fatalf("no stream, but %T", msg)
	}
	return follower
}

func TestDatabaseGoesWithItsSlotAndFollower(t *testing.T) {
	t.Parallel()
	outer := testkit.Postgres(t).Conn(t)
	var db *testkit.Database
	var follower *pgconn.PgConn
	t.Run("test that leaves all behind", func(t *testing.T) {
		db = testkit.Postgres(t)
		follower = follow(t, db)
		exec(t, db.Conn(t), "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", db.Name+"_idle")
		if n := count(t, outer, "SELECT count(*) FROM pg_replication_slots WHERE database = $1 AND active", db.Name); n != 1 {
			t.Fatalf("%d followers", n)
		}
	})
	defer func() { _ = follower.Close(context.WithoutCancel(t.Context())) }()
	if n := count(t, outer, "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE $1", db.Name+"%"); n != 0 {
		t.Errorf("%d slots left", n)
	}
	if n := count(t, outer, "SELECT count(*) FROM pg_database WHERE datname = $1", db.Name); n != 0 {
		t.Error("the database is left")
	}
}

func TestServerOfOnesOwn(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"wal_level": "replica"})
	db := testkit.Postgres(t, testkit.WithServer(server), testkit.WithSchema("1.106.0"))
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	var level, fsync string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('wal_level'), current_setting('fsync')").Scan(&level, &fsync); err != nil {
		t.Fatal(err)
	}
	if level != "replica" || fsync != "on" {
		t.Errorf("wal_level %s, fsync %s", level, fsync)
	}
	if err := server.Stop(t.Context(), pgtemp.Immediate); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a stopped server answers")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db.Conn(t), `SELECT count(*) FROM "LiteLLM_SpendLogs"`); n != 0 {
		t.Errorf("%d rows", n)
	}
}
