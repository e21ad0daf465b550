package sample_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestInsertStoresTheSameRows(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			rows := testkit.Rows(t, version)
			if err := sample.Insert(t.Context(), conn, rows); err != nil {
				t.Fatal(err)
			}
			if n := one[int](t, conn, `SELECT count(*) FROM "LiteLLM_SpendLogs"`); n != len(rows) {
				t.Errorf("%d rows stored of %d", n, len(rows))
			}
			for _, row := range rows {
				stored := one[string](t, conn, `SELECT row_to_json(s)::text FROM "LiteLLM_SpendLogs" s WHERE request_id = $1`, row.RequestID)
				if diff := cmp.Diff(string(row.JSON), stored); diff != "" {
					t.Fatalf("row %s (-original +stored):\n%s", row.RequestID, diff)
				}
			}
		})
	}
}

func TestInsertIsOneTransactionAndSkipsWhatIsThere(t *testing.T) {
	t.Parallel()
	conn := testkit.Postgres(t).Conn(t)
	all := rows(t)
	if err := sample.Insert(t.Context(), conn, all[:10]); err != nil {
		t.Fatal(err)
	}
	if err := sample.Insert(t.Context(), conn, all[5:30]); err != nil {
		t.Fatal(err)
	}
	if n := one[int](t, conn, `SELECT count(*) FROM "LiteLLM_SpendLogs"`); n != 30 {
		t.Errorf("%d rows, want 30", n)
	}
	if n := one[int](t, conn, `SELECT count(DISTINCT xmin::text) FROM "LiteLLM_SpendLogs"`); n != 2 {
		t.Errorf("%d transactions, want 2", n)
	}
	if err := sample.Insert(t.Context(), conn, nil); err != nil {
		t.Errorf("no rows: %v", err)
	}
}

func TestInsertRefusesWhatIsNotOneStatement(t *testing.T) {
	t.Parallel()
	conn := testkit.Postgres(t, testkit.WithSchema("1.106.0")).Conn(t)
	mixed := slices.Concat(testkit.Rows(t, "1.106.0")[:1], rows(t)[:1])
	if err := sample.Insert(t.Context(), conn, mixed); !errors.Is(err, sample.ErrMixedColumns) {
		t.Errorf("rows of two releases: %v, want ErrMixedColumns", err)
	}
	many := slices.Repeat(rows(t)[:1], 3000)
	if err := sample.Insert(t.Context(), conn, many); !errors.Is(err, sample.ErrTooManyRows) {
		t.Errorf("3000 rows: %v, want ErrTooManyRows", err)
	}
	if n := one[int](t, conn, `SELECT count(*) FROM "LiteLLM_SpendLogs"`); n != 0 {
		t.Errorf("%d rows stored of refused ones", n)
	}
}

func TestTokensExplainTheKeysOfRows(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			tokens := testkit.Tokens(t, version)
			for range 2 { // what is there already is skipped
				if err := sample.InsertTokens(t.Context(), conn, tokens); err != nil {
					t.Fatal(err)
				}
			}
			if err := sample.Insert(t.Context(), conn, testkit.Rows(t, version)); err != nil {
				t.Fatal(err)
			}
			n := one[int](t, conn, `SELECT count(*) FROM "LiteLLM_VerificationToken" v
				JOIN "LiteLLM_SpendLogs" s ON v.token = coalesce(nullif(s.api_key, ''), s.metadata->>'user_api_key') WHERE v.key_alias <> ''`)
			if n == 0 {
				t.Error("no row has a key with an alias")
			}
		})
	}
}
