package ingest_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest"
)

// What PostgreSQL says when it does not do what we want, provoked on a real server:
// each test wants our message, and what comes after the remedy. wrong_test.go has
// the faults of settings that end a start.

// sayError waits until the service logs that it can't follow, or lost its
// connection, with all the words in the error.
func (x *run) sayError(t *testing.T, words ...string) string {
	t.Helper()
	e := x.logs.Wait(t, wait, fmt.Sprintf("an error with %q is logged", words), func(e testkit.LogEntry) bool {
		return containsAll(fmt.Sprint(e.Attrs["error"]), words...)
	})
	return fmt.Sprint(e.Attrs["error"])
}

// TestHostRefused: pg_hba.conf does not let us in (28000).
func TestHostRefused(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	r := newRig(t, testkit.WithServer(server))
	_, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	r.as(t, "REPLICATION")
	r.exec(t, fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, r.db.Name))
	var file string
	if err := r.sql.QueryRow(t.Context(), "SHOW hba_file").Scan(&file); err != nil {
		t.Fatal(err)
	}
	hba := func(line string) {
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.exec(t, "SELECT pg_reload_conf()")
	}
	const admin = "host all postgres 127.0.0.1/32 scram-sha-256"
	hba(admin)
	testkit.Eventually(t, wait, "the server refuses the host", func() bool {
		err := r.start(t).result(t)
		return ingest.IsSettings(err) && containsAll(err.Error(), "postgres.url", r.db.Name, "pg_hba.conf", "FAULTWIRE_POSTGRES_USER")
	})
	// A line for the database is enough, one for `replication` is not needed.
	hba(admin + "\nhost " + r.db.Name + " " + r.db.Name + " 127.0.0.1/32 scram-sha-256")
	testkit.Eventually(t, wait, "the server lets us in", func() bool {
		_, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
		return err == nil
	})
	x := r.following(t)
	// Refused later on, it goes on trying.
	hba(admin)
	testkit.Eventually(t, wait, "the server refuses the host again", func() bool { return ingest.Check(t.Context(), r.cfg, testkit.Logger(t)) != nil })
	r.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+r.db.Name+"'")
	x.sayError(t, "pg_hba.conf")
	r.generate(t, "meanwhile-", 10, 2)
	hba(admin + "\nhost all all 127.0.0.1/32 scram-sha-256")
	x.follows(t, 2)
	r.agrees(t)
	x.stop(t)
}

// TestTooManyConnections: the role's, or the server's, are all in use (53300).
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.patience = wait
	if _, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t)); err != nil {
		t.Fatal(err)
	}
	const limit = 5
	r.as(t, fmt.Sprintf("REPLICATION CONNECTION LIMIT %d", limit))
	r.exec(t, fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, r.db.Name))
	u, err := url.Parse(r.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(r.db.Name, secret)
	var others []*pgx.Conn
	for range limit {
		conn, err := pgx.Connect(t.Context(), u.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		others = append(others, conn)
	}
	x := r.start(t)
	x.sayError(t, "no connection to", "too many connections for role")
	for _, conn := range others {
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	x.follows(t, 1)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	x.stop(t)
}

// TestPooler: one that knows nothing of replication stands in between, as pgbouncer
// up to 1.22 (08P01).
func TestPooler(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Mode = "stream"
	p := r.relayed(t)
	p.set(func(p *relay) {
		p.refuse = func(startup map[string]string) *pgproto3.ErrorResponse {
			if startup["replication"] == "" {
				return nil
			}
			return &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "08P01", Message: "unsupported startup parameter: replication"}
		}
	})
	err := r.start(t).result(t)
	if !ingest.IsSettings(err) || !containsAll(err.Error(), "postgres.url", "pooler", "FAULTWIRE_POSTGRES_URL") {
		t.Errorf("error %v", err)
	}
	r.cfg.Postgres.URL = config.URL(r.db.URL) // the server's own address
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	x.stop(t)
}

// TestCutInTransaction: the connection breaks again and again inside a transaction.
func TestCutInTransaction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(t).stop(t) // the slot is there
	r.generate(t, "big-", 6000, 1)
	p := r.relayed(t)
	p.set(func(p *relay) { p.limit = 100_000 })
	x := r.start(t)
	x.sayError(t, "receive from the server")
	r.agrees(t)
	x.stop(t)
	p.set(func(p *relay) {
		if p.limit <= 400_000 {
			t.Errorf("it was cut once: limit %d", p.limit)
		}
	})
}

// TestNotUTF8: a database without an encoding holds text that is none (22021).
func TestNotUTF8(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	_, conn := testkit.Broker(t)
	db := testkit.Postgres(t, testkit.WithServer(server), testkit.WithSchema(""))
	if _, err := db.Conn(t).Exec(t.Context(), "CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	db.URL = server.URL("bytes")
	schema, err := testkit.Schema("1.80.10")
	if err != nil {
		t.Fatal(err)
	}
	r := rigOn(t, db, conn)
	r.exec(t, schema)
	const row = `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, model, "startTime", "endTime", status) VALUES ('%s', '', convert_from('\x61ff62'::bytea, 'SQL_ASCII'), now(), now(), 'failure')`
	r.exec(t, fmt.Sprintf(row, "history"))
	x := r.following(t)
	r.exec(t, fmt.Sprintf(row, "live"))
	r.generate(t, "after-", 4, 2)
	r.agrees(t)
	r.read(t)
	for _, f := range r.log {
		if id := *f.Log.RequestID; (id == "live" || id == "history") && *f.Log.Model != "a\uFFFDb" {
			t.Errorf("model %q", *f.Log.Model)
		}
	}
	x.stop(t)
}

// TestSlotWaits: a slot waits for the transactions of others. A client that was
// killed meanwhile leaves one behind that is being made for ever; and a new one
// waits again. Both are said, with the process and the statement that ends it.
func TestSlotWaits(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	_, broker := testkit.Broker(t)
	r := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), broker)
	r.patience = wait
	r.cfg.Ingest.Slot = "made_halfway"
	statements, err := ingest.SetupSQL(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.exec(t, statements[0]) // the publication
	other := r.db.Conn(t)
	if _, err := other.Exec(t.Context(), "BEGIN; SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	client, err := pgconn.Connect(t.Context(), r.db.URL+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	// Killed, it says nothing to the server, which pgconn would.
	killed, err := client.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	killed.Frontend.Send(&pgproto3.Query{String: "CREATE_REPLICATION_SLOT made_halfway LOGICAL pgoutput"})
	if err := killed.Frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	half := func() bool {
		var yes bool
		err := r.sql.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_replication_slots JOIN pg_stat_activity ON pid = active_pid
			WHERE confirmed_flush_lsn IS NULL AND wait_event_type = 'Lock')`).Scan(&yes)
		return err == nil && yes
	}
	testkit.Eventually(t, wait, "the slot is being made", half)
	if err := killed.Conn.Close(); err != nil {
		t.Fatal(err)
	}

	remedy := regexp.MustCompile(`SELECT pg_terminate_backend\(\d+\);`)
	run := func(text string) {
		t.Helper()
		sql := remedy.FindString(text)
		if sql == "" {
			t.Fatalf("no statement in %q", text)
		}
		r.exec(t, sql)
	}
	x := r.start(t)
	run(x.sayError(t, "made_halfway", "which is making it"))
	text := x.sayError(t, "made_halfway", "the transaction of process", r.db.Name) // lock_timeout is 10 s
	if strings.Contains(text, "canceling statement") {
		t.Errorf("what PostgreSQL calls it does not help: %s", text)
	}
	run(text)
	x.follows(t, 1)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	x.stop(t)
}

// TestStalled: nobody carries anything any more, and no connection ends. A query
// without an answer tells, before wal_sender_timeout does.
func TestStalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.relayed(t)
	x := r.following(t)
	p.set(func(p *relay) { p.stall = true })
	r.generate(t, "a-", 10, 2)
	x.logs.Wait(t, 2*wait, "the silence is noticed", func(e testkit.LogEntry) bool {
		return strings.Contains(e.Message, "connection to LiteLLM's database lost")
	})
	p.set(func(p *relay) { p.stall = false })
	x.follows(t, 2)
	r.agrees(t)
	x.stop(t)
}

// TestSenderTimeout: the server hears nothing of us and ends the connection
// (wal_sender_timeout), without a word.
func TestSenderTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.relayed(t)
	p.set(func(p *relay) { p.brief = true })
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	p.set(func(p *relay) { p.stall = true })
	r.generate(t, "b-", 10, 2)
	testkit.Eventually(t, wait, "the server has ended the connection", func() bool {
		var active bool
		err := r.sql.QueryRow(t.Context(), "SELECT active FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Ingest.Slot).Scan(&active)
		return err == nil && !active
	})
	p.set(func(p *relay) { p.stall = false })
	testkit.WaitLog(t, x.logs, wait, "connection to LiteLLM's database lost")
	x.follows(t, 2)
	r.agrees(t)
	x.stop(t)
}
