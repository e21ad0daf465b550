package testkit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// Every row of every release, inserted as LiteLLM does, reads back as it was.
func TestInsertedRowsEqualTheOriginals(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			conn := testkit.Postgres(t, testkit.WithSchema(version)).Conn(t)
			rows := testkit.Rows(t, version)
			if err := sample.Insert(t.Context(), conn, rows); err != nil {
				t.Fatal(err)
			}
			stored := map[string]string{}
			got, err := conn.Query(t.Context(), `SELECT request_id, row_to_json(s)::text FROM "LiteLLM_SpendLogs" s`)
			if err != nil {
				t.Fatal(err)
			}
			for got.Next() {
				var id, row string
				if err := got.Scan(&id, &row); err != nil {
					t.Fatal(err)
				}
				stored[id] = row
			}
			if err := got.Err(); err != nil {
				t.Fatal(err)
			}
			if len(stored) != len(rows) {
				t.Errorf("%d rows stored of %d", len(stored), len(rows))
			}
			for _, row := range rows {
				if diff := cmp.Diff(string(row.JSON), stored[row.RequestID]); diff != "" {
					t.Fatalf("row %s (-original +stored):\n%s", row.RequestID, diff)
				}
			}
		})
	}
}
