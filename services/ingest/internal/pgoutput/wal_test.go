package pgoutput_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

// TestCornersFromWAL decodes every corner case of row_to_json from the write-ahead
// log, on a database that is set to print values otherwise.
func TestCornersFromWAL(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema(""))
	admin := db.Conn(t)
	sql := []string{spendlogtest.CornerTable, "CREATE PUBLICATION faultwire FOR TABLE corners WITH (publish = 'insert')", slot.CreateSQL(db.Name, 15)}
	for name, value := range map[string]string{"datestyle": "'SQL, DMY'", "timezone": "'Asia/Shanghai'", "extra_float_digits": "0", "intervalstyle": "'iso_8601'", "bytea_output": "'escape'"} {
		sql = append(sql, fmt.Sprintf("ALTER DATABASE %s SET %s = %s", postgres.Quote(db.Name), name, value))
	}
	for _, s := range append(sql, spendlogtest.Corners()...) {
		if _, err := admin.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	table, err := spendlogtest.ReadTable(t.Context(), conn, "corners", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = spendlogtest.Follow(ctx, dialer, db.Name, "faultwire", func(row spendlogtest.Row) bool {
		if err := table.Check(row.Layout, row.Columns, row.Values); err != nil {
			t.Error(err)
		}
		return len(table.Unseen()) > 0
	})
	if err != nil {
		t.Error(err)
	}
	if table.Len() != len(spendlogtest.Corners()) {
		t.Errorf("%d rows of %d", table.Len(), len(spendlogtest.Corners()))
	}
}
