//go:build linux

package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// perCommit is how many rows LiteLLM's proxy commits at once under load.
const perCommit = 100

// traffic writes rows into LiteLLM's table as its proxy would: copies of real ones
// with ids and times of their own.
type traffic struct {
	conn    *pgx.Conn
	insert  string // of rows $1 to $2, $3 of a hundred failing
	written int
}

// startPostgres starts a server that does nothing else while it is measured.
func startPostgres(t testing.TB) (*pgtemp.Server, *testkit.Database) {
	t.Helper()
	server := testkit.PostgresServer(t, map[string]string{
		"shared_buffers": "128MB", "max_wal_size": "64GB", "checkpoint_timeout": "1h", "autovacuum": "off",
	})
	return server, testkit.Postgres(t, testkit.WithServer(server))
}

func newTraffic(t testing.TB, db *testkit.Database) *traffic {
	t.Helper()
	rows, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	tr := &traffic{conn: db.Conn(t)}
	for chunk := range slices.Chunk(rows, 200) {
		if err := sample.Insert(t.Context(), tr.conn, chunk); err != nil {
			t.Fatal(err)
		}
	}
	tr.exec(t, `CREATE TABLE samples AS SELECT status <> 'success' AS failed, row_number() OVER (PARTITION BY status <> 'success' ORDER BY request_id) - 1 AS n, s.* FROM "LiteLLM_SpendLogs" s`)
	tr.exec(t, `CREATE UNIQUE INDEX ON samples (failed, n)`)
	tr.exec(t, `TRUNCATE "LiteLLM_SpendLogs"`)
	tr.exec(t, `VACUUM ANALYZE samples`)
	tr.insert = tr.insertSQL(t)
	return tr
}

// insertSQL copies samples. Of the failures every second has an id in its text, as
// OpenAI's have: else an outage would have 262 texts and no more.
func (tr *traffic) insertSQL(t testing.TB) string {
	t.Helper()
	result, err := tr.conn.Query(t.Context(), `SELECT attname::text FROM pg_attribute WHERE attrelid = '"LiteLLM_SpendLogs"'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(result, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	const began = `date_trunc('milliseconds', (clock_timestamp() AT TIME ZONE 'UTC') - interval '1 ms' * (g % 600000))`
	var names, values []string
	for _, c := range columns {
		name := pgx.Identifier{c}.Sanitize()
		value := "s." + name
		switch c {
		case "request_id":
			value = `'bench-' || md5(g::text)`
		case "startTime":
			value = began
		case "endTime":
			value = began + ` + (s."endTime" - s."startTime")`
		case "metadata":
			value = `CASE WHEN s.failed AND g % 4 < 2 THEN jsonb_set(s.metadata, '{error_information,error_message}', to_jsonb(coalesce(s.metadata #>> '{error_information,error_message}', '') || ' (request id: req_' || md5(g::text) || ')')) ELSE s.metadata END`
		}
		names, values = append(names, name), append(values, value)
	}
	return fmt.Sprintf(`INSERT INTO "LiteLLM_SpendLogs" (%s) SELECT %s
		FROM generate_series($1::bigint, $2::bigint) g
		JOIN samples s ON s.failed = (g * $3::bigint / 100 > (g - 1) * $3::bigint / 100)
			AND s.n = (g / 2) %% CASE WHEN s.failed THEN %d ELSE %d END`,
		strings.Join(names, ","), strings.Join(values, ","), tr.count(t, "failed"), tr.count(t, "NOT failed"))
}

func (tr *traffic) count(t testing.TB, where string) (n int) {
	t.Helper()
	if err := tr.conn.QueryRow(t.Context(), "SELECT count(*) FROM samples WHERE "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// write commits n rows, percent of them failing, and the last of them.
func (tr *traffic) write(t testing.TB, n, percent int) {
	t.Helper()
	tr.exec(t, "SET synchronous_commit = off")
	for end := tr.written + n; tr.written < end; {
		tr.commit(t, min(perCommit, end-tr.written), percent)
	}
	tr.exec(t, "SET synchronous_commit = on")
}

// commit commits one transaction.
func (tr *traffic) commit(t testing.TB, n, percent int) {
	t.Helper()
	if _, err := tr.conn.Exec(t.Context(), tr.insert, tr.written+1, tr.written+n, percent); err != nil {
		t.Fatal(err)
	}
	tr.written += n
}

func (tr *traffic) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := tr.conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// query returns one value.
func query[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
