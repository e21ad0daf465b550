package spendlog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

// The corner cases are printed as row_to_json prints them, whatever the role and the
// database are set to.
func TestCornerCases(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema(""))
	setup := db.Conn(t)
	sql := append([]string{spendlogtest.CornerTable}, spendlogtest.Corners()...)
	for name, value := range map[string]string{"datestyle": "'SQL, DMY'", "timezone": "'Asia/Shanghai'", "extra_float_digits": "0", "intervalstyle": "'iso_8601'", "bytea_output": "'escape'"} {
		sql = append(sql, `ALTER DATABASE "`+db.Name+`" SET `+name+` = `+value)
	}
	for _, s := range sql {
		if _, err := setup.Exec(t.Context(), s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
	conn := connect(t, db)
	columns, rows, err := spendlogtest.Select(t.Context(), conn.PgConn(), "SELECT * FROM corners")
	if err != nil {
		t.Fatal(err)
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		t.Fatal(err)
	}
	if strange := layout.Strange(); strange != nil {
		t.Errorf("unknown types: %v", strange)
	}
	table, err := spendlogtest.ReadTable(t.Context(), conn, "corners", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := table.Check(layout, columns, row); err != nil {
			t.Error(err)
		}
	}
	if unseen := table.Unseen(); unseen != nil || table.Len() != len(spendlogtest.Corners()) {
		t.Errorf("%d rows, not read: %v", table.Len(), unseen)
	}
}

// A helper that never finds a difference would prove nothing.
func TestCheckFindsDifferences(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema(""))
	conn := connect(t, db)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE x AS SELECT 'a'::text AS request_id, now()::timestamp AS "startTime", '{}'::jsonb AS metadata, ARRAY[1, 2] AS arr, 'x'::text AS txt`); err != nil {
		t.Fatal(err)
	}
	columns, rows, err := spendlogtest.Select(t.Context(), conn.PgConn(), "SELECT * FROM x")
	if err != nil {
		t.Fatal(err)
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		t.Fatal(err)
	}
	table, err := spendlogtest.ReadTable(t.Context(), conn, "x", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Check(layout, columns, rows[0]); err == nil {
		t.Error("an array is printed as a string, and Check says it isn't")
	}
	if diff := cmp.Diff([]spendlog.Column{{Name: "arr", OID: 1007}}, layout.Strange()); diff != "" {
		t.Errorf("Strange: %s", diff)
	}
	rows[0][0].Text = []byte("b")
	if err := table.Check(layout, columns, rows[0]); err == nil {
		t.Error("a row that is not in the table passes")
	}
}
