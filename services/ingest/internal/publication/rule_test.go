package publication_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

// odd are metadata that nobody should write, and some that LiteLLM does.
func odd() []string {
	return []string{
		`{}`, `null`, `[]`, `"failure"`, `"{\"status\": \"failure\", \"attempted_retries\": 1}"`, `12`, `true`, `["status", "failure"]`,
		`{"status": "failure"}`, `{"status": "success"}`, `{"status": null}`, `{"status": ["failure"]}`, `{"a": {"status": "failure"}}`, `{"\u0073tatus": "f\u0061ilure"}`,
		`{"error_information": {"error_class": "ClientDisconnected"}}`, `{"error_information": {"error_class": ""}}`, `{"error_information": {"error_class": null}}`,
		`{"error_information": {"error_class": 0}}`, `{"error_information": {"error_class": {}}}`, `{"error_information": {"error_message": "x"}}`,
		`{"error_information": "error_class"}`, `{"error_information": ["error_class"]}`, `{"error_information": [{"error_class": "x"}]}`, `{"error_class": "x"}`,
		`{"attempted_fallbacks": 1}`, `{"attempted_fallbacks": 0}`, `{"attempted_fallbacks": -1}`, `{"attempted_fallbacks": "1"}`, `{"attempted_fallbacks": true}`,
		`{"attempted_fallbacks": {}}`, `{"attempted_fallbacks": [1]}`, `{"attempted_fallbacks": null}`, `{"attempted_fallbacks": 0.0}`, `{"attempted_fallbacks": 1e300}`,
		`{"attempted_retries": 2, "attempted_fallbacks": 0}`, `{"attempted_retries": 0.5}`, `{"attempted_retries": 1e-300}`, `{"attempted_retries": 0e5}`, `{"attempted_retries": -0}`,
		`{"attempted_retries": 1, "attempted_retries": 0}`, `{"x": {"attempted_retries": 1}}`, `{"attempted\u005fretries": 3}`,
	}
}

// TestRule: SQL, the row filter and the reader agree on what is a failure and what
// was rescued, for every row that the four releases wrote and for odd ones.
func TestRule(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		for _, rescued := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s rescued %t", version, rescued), func(t *testing.T) {
				t.Parallel()
				db := testkit.Postgres(t, testkit.WithSchema(version))
				p, conn := open(t, db)
				p.Table.Rescued = rescued
				if err := p.Create(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				exec(t, conn, slot.CreateSQL(db.Name, p.Major))
				n := fillOdd(t, conn, p.Table, testkit.Rows(t, version))
				agree(t, db, p, n)
			})
		}
	}
}

// TestRuleAfterUpgrade is LiteLLM's upgrade from before 1.68: status is added, and
// NULL on the old rows.
func TestRuleAfterUpgrade(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.WithSchema("1.67.2"))
	p, conn := open(t, db)
	p.Table.Rescued = true
	exec(t, conn, "CREATE PUBLICATION faultwire FOR TABLE "+p.Table.Name()+" WITH (publish = 'insert', publish_via_partition_root = true)")
	exec(t, conn, slot.CreateSQL(db.Name, p.Major))
	n := fillOdd(t, conn, p.Table, testkit.Rows(t, "1.67.2"))
	exec(t, conn, "ALTER TABLE "+p.Table.Name()+" ADD COLUMN status text, ADD COLUMN session_id text")
	p, _ = open(t, db)
	p.Table.Rescued = true
	n += fillOdd(t, conn, p.Table, nil)
	agree(t, db, p, n)
}

// fillOdd inserts rows and the odd ones, with each status that the table can have.
// It returns how many.
func fillOdd(t *testing.T, conn *pgx.Conn, table postgres.Table, rows []sample.Row) int {
	t.Helper()
	n := len(rows)
	for chunk := range slices.Chunk(rows, 500) {
		if err := sample.Insert(t.Context(), conn, chunk); err != nil {
			t.Fatal(err)
		}
	}
	column, statuses := "", []string{""}
	if table.Has("status") {
		column, statuses = ", status", []string{", 'success'", ", 'failure'", ", NULL", ", ''"}
	}
	all := []string{"NULL"}
	for _, metadata := range odd() {
		all = append(all, postgres.Literal(metadata))
	}
	var values []string
	for _, status := range statuses {
		for _, metadata := range all {
			values = append(values, "(gen_random_uuid()::text, '', now(), now(), "+metadata+status+")")
		}
	}
	exec(t, conn, `INSERT INTO `+table.Name()+` (request_id, call_type, "startTime", "endTime", metadata`+column+`) VALUES `+strings.Join(values, ", "))
	return n + len(values)
}

// agree compares the three: the ids of the wanted rows by SQL, by reading all rows,
// and by reading what the publication sends.
func agree(t *testing.T, db *testkit.Database, p publication.Publication, n int) {
	t.Helper()
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	exec(t, conn, `INSERT INTO `+p.Table.Name()+` (request_id, call_type, "startTime", "endTime", metadata) VALUES ('last', '', now(), now(), '{"status": "failure"}')`)
	found, err := conn.Query(t.Context(), "SELECT request_id FROM "+p.Table.Name()+" WHERE "+p.Table.Failed())
	if err != nil {
		t.Fatal(err)
	}
	bySQL, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(bySQL)

	options := spendlog.Options{Rescued: p.Table.Rescued}
	columns, rows, err := spendlogtest.Select(t.Context(), conn.PgConn(), "SELECT * FROM "+p.Table.Name())
	if err != nil {
		t.Fatal(err)
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		t.Fatal(err)
	}
	id := slices.IndexFunc(columns, func(c spendlog.Column) bool { return c.Name == "request_id" })
	var byReading []string
	for _, row := range rows {
		if layout.Wanted(row, options) {
			byReading = append(byReading, string(row[id].Text))
		}
		if f, _ := layout.Failure(row, options); f.Rescued != (!layout.Failed(row) && layout.Rescued(row)) {
			t.Errorf("%s: rescued = %t", row[id].Text, f.Rescued)
		}
	}
	slices.Sort(byReading)
	if len(rows) != n+1 || len(bySQL) < 10 || len(bySQL) > n-10 {
		t.Errorf("%d of %d rows are wanted: %d were inserted", len(bySQL), len(rows), n)
	}
	if diff := cmp.Diff(bySQL, byReading); diff != "" {
		t.Errorf("by SQL and by reading: %s", diff)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var byWAL []string
	came := 0
	err = spendlogtest.Follow(ctx, dialer, db.Name, p.Name, func(row spendlogtest.Row) bool {
		came++
		text := string(row.Values[id].Text)
		if row.Layout.Wanted(row.Values, options) {
			byWAL = append(byWAL, text)
		}
		return text != "last"
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(byWAL)
	if diff := cmp.Diff(bySQL, byWAL); diff != "" {
		t.Errorf("by SQL and by WAL: %s", diff)
	}
	if check, err := p.Check(t.Context(), conn); err == nil && p.Major >= 15 && !check.Unfiltered && came != len(bySQL) {
		t.Errorf("the filter lets %d rows pass, %d are wanted", came, len(bySQL))
	}
}

// TestSettingChanged: a publication made with the other setting is told, with the
// statement that mends it.
func TestSettingChanged(t *testing.T) {
	t.Parallel()
	p, conn := open(t, testkit.Postgres(t))
	if p.Major < 15 {
		return // no filters
	}
	if err := p.Create(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	p.Table.Rescued = true
	_, err := p.Check(t.Context(), conn)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "ingest.include_rescued") || !strings.Contains(err.Error(), p.Repair()) {
		t.Fatalf("set to true: %v", err)
	}
	exec(t, conn, p.Repair())
	if found, err := p.Check(t.Context(), conn); err != nil || found.Rescued || found.Unfiltered {
		t.Errorf("mended: %+v, %v", found, err)
	}
	p.Table.Rescued = false
	if found, err := p.Check(t.Context(), conn); err != nil || !found.Rescued || found.Unfiltered {
		t.Errorf("set to false: %+v, %v", found, err)
	}
	exec(t, conn, p.Repair())
	if found, err := p.Check(t.Context(), conn); err != nil || found.Rescued {
		t.Errorf("mended: %+v, %v", found, err)
	}
}
