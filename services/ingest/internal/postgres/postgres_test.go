package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const secret = "s3cr3t-Pa55"

func dialer(t *testing.T, connString string) *postgres.Dialer {
	t.Helper()
	d, err := postgres.NewDialer(connString)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// with changes one part of the database's URL.
func with(t *testing.T, db *testkit.Database, change func(*url.URL)) *postgres.Dialer {
	t.Helper()
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return dialer(t, u.String())
}

// role makes a role with a password and returns a dialer for it.
func role(t *testing.T, db *testkit.Database, attributes string) *postgres.Dialer {
	t.Helper()
	admin := db.Conn(t)
	exec(t, admin, fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", db.Name, attributes, secret))
	t.Cleanup(func() { exec(t, admin, "DROP OWNED BY "+db.Name+"; DROP ROLE "+db.Name) })
	return with(t, db, func(u *url.URL) { u.User = url.UserPassword(db.Name, secret) })
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestRefused checks what a user reads when the database does not let us in, and
// that it is never the password.
func TestRefused(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, err error, settings bool, wants ...string) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		if postgres.IsSettings(err) != settings {
			t.Errorf("settings = %v: %v", !settings, err)
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in it: %v", err)
		}
	}
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		d := with(t, testkit.Postgres(t), func(u *url.URL) { u.User = url.UserPassword("postgres", secret) })
		_, err := d.SQL(t.Context())
		check(t, err, true, "postgres.url", d.Address(), `"postgres"`, "FAULTWIRE_POSTGRES_PASSWORD")
	})
	t.Run("database", func(t *testing.T) {
		t.Parallel()
		d := with(t, testkit.Postgres(t), func(u *url.URL) { u.Path = "/nosuch" })
		_, err := d.SQL(t.Context())
		check(t, err, true, "postgres.database", `"nosuch"`, "FAULTWIRE_POSTGRES_DATABASE")
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		d := dialer(t, "postgres://someone:"+secret+"@"+address+"/litellm")
		for _, try := range []func() error{
			func() error { _, err := d.SQL(t.Context()); return err },
			func() error { _, err := d.Replication(t.Context(), "UTF8", nil); return err },
		} {
			check(t, try(), false, "postgres.url", address)
		}
	})
	t.Run("no REPLICATION", func(t *testing.T) {
		t.Parallel()
		db := testkit.Postgres(t)
		d := role(t, db, "")
		_, err := d.Replication(t.Context(), "UTF8", nil)
		check(t, err, true, "ALTER ROLE "+postgres.Quote(db.Name)+" REPLICATION;")
	})
	t.Run("no CONNECT", func(t *testing.T) {
		t.Parallel()
		db := testkit.Postgres(t)
		exec(t, db.Conn(t), fmt.Sprintf("REVOKE CONNECT ON DATABASE %s FROM PUBLIC", db.Name))
		_, err := role(t, db, "").SQL(t.Context())
		check(t, err, true, "GRANT CONNECT ON DATABASE")
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		_, err := postgres.NewDialer("postgres://u:" + secret + "@host:port/db")
		check(t, err, true, "postgres.url")
	})
}

// TestFormats: what a role or a database sets must not change how rows are printed.
func TestFormats(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	d := role(t, db, "REPLICATION")
	exec(t, db.Conn(t), fmt.Sprintf(`ALTER ROLE %[1]s SET datestyle = 'German'; ALTER ROLE %[1]s SET timezone = 'Asia/Shanghai';
		ALTER ROLE %[1]s SET extra_float_digits = -5; ALTER ROLE %[1]s SET client_encoding = 'LATIN1'`, db.Name))
	conn, err := d.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	const query = `SELECT '2026-11-24 10:00:00'::timestamp::text || ' ' || (0.1::float8 + 0.2::float8)::text || ' ' || '2026-11-24 10:00:00Z'::timestamptz::text || ' 模型'`
	if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "2026-11-24 10:00:00 0.30000000000000004 2026-11-24 10:00:00+00 模型"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	replication, err := d.Replication(t.Context(), postgres.Encoding(conn.PgConn()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer replication.Close(t.Context())
	for name, want := range map[string]string{"DateStyle": "ISO, MDY", "TimeZone": "UTC", "client_encoding": "UTF8"} {
		if got := replication.ParameterStatus(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			table, err := postgres.FindTable(t.Context(), conn, "public", false)
			if err != nil {
				t.Fatal(err)
			}
			if table.Has("status") == (version == "1.67.2") {
				t.Errorf("status: %v", table.Has("status"))
			}
			if table.Name() != `"public"."LiteLLM_SpendLogs"` {
				t.Error(table.Name())
			}
		})
	}
	conn := testkit.Postgres(t, testkit.WithSchema("")).Conn(t)
	_, err := postgres.FindTable(t.Context(), conn, "public", false)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "is this LiteLLM's database?") {
		t.Errorf("no table: %v", err)
	}
	exec(t, conn, `CREATE TABLE "LiteLLM_SpendLogs" (id int)`)
	_, err = postgres.FindTable(t.Context(), conn, "public", false)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "request_id") {
		t.Errorf("another table of that name: %v", err)
	}
}

// TestFailed compares the rule with real rows: SQL and the rows' own verdict agree.
func TestFailed(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			table, err := postgres.FindTable(t.Context(), conn, "public", false)
			if err != nil {
				t.Fatal(err)
			}
			want, rows := 0, testkit.Rows(t, version)
			for _, row := range rows {
				if row.Failed() {
					want++
				}
			}
			insert(t, conn, rows)
			var got int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table.Name()+" WHERE "+table.Failed()).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want || want == 0 {
				t.Errorf("%d failures by SQL, %d by the rows", got, want)
			}
		})
	}
}

// TestLiteral reads back what was quoted, whatever the server makes of backslashes.
func TestLiteral(t *testing.T) {
	t.Parallel()
	conn := testkit.Postgres(t, testkit.WithSchema("")).Conn(t)
	for _, conforming := range []string{"on", "off"} {
		exec(t, conn, "SET standard_conforming_strings = "+conforming)
		for _, text := range []string{"", "a", "it's", `\`, `\'`, `a\nb`, "'; DROP TABLE x; --", "模型"} {
			var got string
			if err := conn.QueryRow(t.Context(), "SELECT "+postgres.Literal(text)).Scan(&got); err != nil || got != text {
				t.Errorf("%q: %q, %v", text, got, err)
			}
		}
	}
}

func TestWALLevel(t *testing.T) {
	t.Parallel()
	if err := (postgres.Server{WALLevel: "logical"}).RequireLogical(); err != nil {
		t.Error(err)
	}
	err := (postgres.Server{WALLevel: "replica"}).RequireLogical()
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL") {
		t.Error(err)
	}
}
