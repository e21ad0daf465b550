package postgres_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
)

func insert(t *testing.T, conn *pgx.Conn, rows []sample.Row) {
	t.Helper()
	for chunk := range slices.Chunk(rows, 500) {
		if err := sample.Insert(t.Context(), conn, chunk); err != nil {
			t.Fatal(err)
		}
	}
}
