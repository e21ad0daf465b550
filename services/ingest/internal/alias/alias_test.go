package alias_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/alias"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

const (
	living  = `"LiteLLM_VerificationToken"`
	deleted = `"LiteLLM_DeletedVerificationToken"`
)

func keyOf(n int) string {
	sum := sha256.Sum256([]byte("sk-" + strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func addKey(t *testing.T, conn *pgx.Conn, table string, n int, name string) {
	t.Helper()
	columns, values := "token, key_alias", postgres.Literal(keyOf(n))+", "+name
	if table == deleted {
		columns, values = "id, "+columns, "gen_random_uuid()::text, "+values
	}
	exec(t, conn, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, columns, values))
}

func check(t *testing.T, names *alias.Names, n int, want string) {
	t.Helper()
	if got, ok := names.Alias(keyOf(n)); got != want || ok != (want != "") {
		t.Errorf("key %d: %q, %t, want %q", n, got, ok, want)
	}
}

// TestRealRows: of the failures without an alias that LiteLLM wrote, those get one
// whose key has it in the tables.
func TestRealRows(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]struct{ without, found int }{"1.67.2": {}, "1.80.10": {78, 15}, "1.83.14": {}, "1.106.0": {}} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			if err := sample.InsertTokens(t.Context(), conn, testkit.Tokens(t, version)); err != nil {
				t.Fatal(err)
			}
			rows := testkit.Rows(t, version)
			if err := sample.Insert(t.Context(), conn, rows); err != nil {
				t.Fatal(err)
			}
			table, err := postgres.FindTable(t.Context(), conn, "public", false)
			if err != nil {
				t.Fatal(err)
			}
			union := "SELECT token, key_alias FROM " + living
			if version == "1.83.14" || version == "1.106.0" {
				union += " UNION SELECT token, key_alias FROM " + deleted
			}
			var without, bySQL int
			query := fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM (%s) k
					WHERE k.key_alias <> '' AND k.token = coalesce(nullif(s.api_key, ''), s.metadata ->> 'user_api_key')))
				FROM %s s WHERE %s AND coalesce(metadata ->> 'user_api_key_alias', '') = ''`, union, table.Name(), table.Failed())
			if err := conn.QueryRow(t.Context(), query).Scan(&without, &bySQL); err != nil {
				t.Fatal(err)
			}

			names := alias.New("public", testkit.Logger(t))
			names.Load(t.Context(), conn)
			found := attributed(t, conn, table, names)
			if found != bySQL || without == 0 || want.without > 0 && (without != want.without || found != want.found) {
				t.Errorf("%d of %d failures without an alias got one, %d by SQL; want %+v", found, without, bySQL, want)
			}
			t.Logf("%d of %d failures without an alias got one", found, without)
		})
	}
}

// attributed counts the failures that got an alias, and looks that nothing else of
// them changed.
func attributed(t *testing.T, conn *pgx.Conn, table postgres.Table, names *alias.Names) int {
	t.Helper()
	columns, rows, err := spendlogtest.Select(t.Context(), conn.PgConn(), "SELECT * FROM "+table.Name()+" WHERE "+table.Failed())
	if err != nil {
		t.Fatal(err)
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range rows {
		with, _ := layout.Failure(row, spendlog.Options{Alias: names.Alias})
		without, _ := layout.Failure(row, spendlog.Options{})
		if with.Attributed {
			n++
			if with.Key == without.Key || len(without.Key) != 64 {
				t.Errorf("%s became %s", without.Key, with.Key)
			}
			with.Key, with.Attributed = without.Key, false
		}
		a, err := event.Encode(with)
		if err != nil {
			t.Fatal(err)
		}
		b, err := event.Encode(without)
		if err != nil || string(a) != string(b) {
			t.Errorf("more than the key differs: %v\n%s\n%s", err, a, b)
		}
	}
	return n
}

// TestRun: keys of both tables are known at once, a new one after its first failure,
// and one that was renamed or deleted keeps a name.
func TestRun(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema("1.106.0"))
	conn := db.Conn(t)
	addKey(t, conn, living, 1, "'agent'")
	addKey(t, conn, living, 2, "NULL")
	addKey(t, conn, living, 3, "''")
	addKey(t, conn, deleted, 4, "'gone'")
	addKey(t, conn, deleted, 1, "'before'")
	addKey(t, conn, living, 5, "'x'")
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	names := alias.NewBounded("public", testkit.Logger(t), 10, 10, 10, 0)
	check(t, names, 1, "")
	names.Load(t.Context(), conn)
	for n, want := range []string{1: "agent", 2: "", 3: "", 4: "gone", 5: "x", 6: ""} {
		check(t, names, n, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		names.Run(ctx, dialer.SQL)
	}()
	defer func() { cancel(); <-ran }()
	becomes := func(n int, want string) {
		t.Helper()
		testkit.Eventually(t, 30*time.Second, want, func() bool { got, _ := names.Alias(keyOf(n)); return got == want })
	}
	addKey(t, conn, living, 6, "'new'")
	becomes(6, "new")
	exec(t, conn, "UPDATE "+living+" SET key_alias = 'renamed' WHERE key_alias = 'x'")
	becomes(5, "renamed")
	exec(t, conn, "DELETE FROM "+living)
	becomes(1, "before")
	check(t, names, 6, "new")
}

// TestRights: two columns are enough; without them one line says what to run, and
// running it helps.
func TestRights(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema("1.106.0"))
	owner, conn := db.Conn(t), db.Conn(t)
	addKey(t, owner, living, 1, "'agent'")
	addKey(t, owner, deleted, 2, "'gone'")
	exec(t, owner, "CREATE ROLE "+db.Name+"; REVOKE USAGE ON SCHEMA public FROM PUBLIC")
	t.Cleanup(func() { exec(t, owner, "DROP OWNED BY "+db.Name+"; DROP ROLE "+db.Name) })
	exec(t, conn, "SET ROLE "+db.Name)

	logs := testkit.NewLogs()
	names := alias.New("public", logs.Logger(t))
	for range 3 {
		names.Load(t.Context(), conn)
		check(t, names, 1, "")
	}
	entries := logs.Entries()
	if len(entries) != 1 {
		t.Fatalf("%d lines: %v", len(entries), entries)
	}
	sql, _ := entries[0].Attrs["sql"].(string)
	if !strings.Contains(sql, "GRANT SELECT (token, key_alias) ON") {
		t.Errorf("the line has %q", sql)
	}
	exec(t, owner, sql)
	names.Load(t.Context(), conn)
	check(t, names, 1, "agent")
	check(t, names, 2, "gone")
	if known, _, asked := names.Sizes(); known != 2 || asked != 0 {
		t.Errorf("%d known, %d asked for", known, asked)
	}
	exec(t, conn, "RESET ROLE")
}

// TestNoTables: a database without them is no fault, and needs no line.
func TestNoTables(t *testing.T) {
	t.Parallel()
	logs := testkit.NewLogs()
	names := alias.New("public", logs.Logger(t))
	names.Load(t.Context(), testkit.Postgres(t, testkit.WithSchema("")).Conn(t))
	check(t, names, 1, "")
	if lines := logs.Entries(); len(lines) != 0 {
		t.Error(lines)
	}
}

// TestLocked: a table that LiteLLM's migration holds is not waited for long, and the
// connection is good for other things.
func TestLocked(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	conn := db.Conn(t)
	addKey(t, conn, living, 1, "'agent'")
	tx, err := db.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+living+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	names := alias.New("public", testkit.Logger(t))
	names.Load(t.Context(), conn)
	check(t, names, 1, "")
	exec(t, conn, "SELECT 1")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestBounds: neither many keys nor many made up ones fill the memory, and what was
// asked for past a limit is asked for again.
func TestBounds(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	conn := db.Conn(t)
	const most = 20
	exec(t, conn, `INSERT INTO `+living+` (token, key_alias) SELECT encode(sha256(('sk-' || i)::bytea), 'hex'), 'k' || i FROM generate_series(1, 100) i`)
	names := alias.NewBounded("public", testkit.Logger(t), most, most, most, time.Hour)
	names.Load(t.Context(), conn)
	if known, _, _ := names.Sizes(); known != most {
		t.Errorf("%d known", known)
	}
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		names.Run(ctx, dialer.SQL)
	}()
	defer func() { cancel(); <-ran }()
	for n := range 1000 {
		names.Alias(keyOf(-1 - n))
	}
	testkit.Eventually(t, 30*time.Second, "a key past the limits", func() bool {
		got, _ := names.Alias(keyOf(77))
		known, unknown, asked := names.Sizes()
		if known > most || unknown > most || asked > most {
			t.Errorf("%d known, %d unknown, %d asked for", known, unknown, asked)
		}
		return got == "k77"
	})
	for _, key := range []string{"", "None", "litellm_proxy_master_key", strings.Repeat("g", 64), "hashed-jwt-" + keyOf(1), keyOf(1) + "00"} {
		if got, ok := names.Alias(key); ok {
			t.Errorf("%q is %q", key, got)
		}
	}
}
