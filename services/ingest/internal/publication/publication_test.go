package publication_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
)

// open returns a publication for the test's database.
func open(t *testing.T, db *testkit.Database) (publication.Publication, *pgx.Conn) {
	t.Helper()
	conn := db.Conn(t)
	server, err := postgres.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	table, err := postgres.FindTable(t.Context(), conn, "public", false)
	if err != nil {
		t.Fatal(err)
	}
	return publication.Publication{Name: "faultwire", Table: table, Major: server.Major()}, conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestCreate makes the publication on the tables of every release of LiteLLM and
// finds it good.
func TestCreate(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p, conn := open(t, testkit.Postgres(t, testkit.WithSchema(version)))
			if found, err := p.Check(t.Context(), conn); err != nil || found.Exists {
				t.Fatalf("before: %+v, %v", found, err)
			}
			for range 2 { // the second finds the first's
				if err := p.Create(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
			}
			found, err := p.Check(t.Context(), conn)
			if err != nil || !found.Exists || found.Unfiltered {
				t.Errorf("after: %+v, %v", found, err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		table    = `public."LiteLLM_SpendLogs"`
		rightSet = `WITH (publish = 'insert', publish_via_partition_root = true)`
		usable   = ""
	)
	tests := []struct {
		name, sql  string
		want       string // in the error; usable = none
		unfiltered bool
	}{
		{"written otherwise", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WHERE (NOT (coalesce(status, CASE WHEN metadata->>'status' = 'failure' THEN 'failure' ELSE 'success' END) = 'success')) ` + rightSet, usable, false},
		{"no filter", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` ` + rightSet, usable, true},
		{"filter drops NULL", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WHERE (status <> 'success') ` + rightSet, "ALTER PUBLICATION \"faultwire\" SET TABLE", false},
		{"filter by model", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WHERE (status <> 'success' AND model <> 'x') ` + rightSet, "SET TABLE", false},
		{"publishes updates", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WITH (publish = 'insert, update', publish_via_partition_root = true)`, "SET (publish = 'insert'", false},
		{"publishes nothing", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WITH (publish = '', publish_via_partition_root = true)`, "SET (publish = 'insert'", false},
		{"not via root", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` WITH (publish = 'insert')`, "publish_via_partition_root = true", false},
		{"columns", `CREATE PUBLICATION faultwire FOR TABLE ` + table + ` (request_id) ` + rightSet, "SET TABLE", false},
		{"all tables", `CREATE PUBLICATION faultwire FOR ALL TABLES ` + rightSet, "ingest.publication", false},
		{"a schema", `CREATE PUBLICATION faultwire FOR TABLES IN SCHEMA public ` + rightSet, "SET TABLE", false},
		{"another table", `CREATE PUBLICATION faultwire FOR TABLE public."LiteLLM_ErrorLogs" ` + rightSet, "SET TABLE", false},
		{"two tables", `CREATE PUBLICATION faultwire FOR TABLE ` + table + `, public."LiteLLM_ErrorLogs" ` + rightSet, "SET TABLE", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, conn := open(t, testkit.Postgres(t))
			const syntax = "42601"
			_, err := conn.Exec(t.Context(), test.sql)
			if p.Major < 15 && postgres.State(err) == syntax {
				return // nobody can make it there
			}
			if err != nil {
				t.Fatal(err)
			}
			found, err := p.Check(t.Context(), conn)
			if test.want == usable {
				if unfiltered := test.unfiltered && p.Major >= 15; err != nil || !found.Exists || found.Unfiltered != unfiltered {
					t.Fatalf("found %+v, %v", found, err)
				}
				return
			}
			if !postgres.IsSettings(err) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want a settings error with %s", err, test.want)
			}
			// What the message says to run mends it.
			if _, fix, ok := strings.Cut(err.Error(), "Run as its owner: "); ok {
				exec(t, conn, fix)
				if _, err := p.Check(t.Context(), conn); err != nil && !strings.Contains(err.Error(), "SET (publish") && !strings.Contains(err.Error(), "SET TABLE") {
					t.Errorf("after %s: %v", fix, err)
				}
			}
		})
	}
}

// TestMoved: a table that was renamed, dropped, or has outgrown its filter is followed
// again.
func TestMoved(t *testing.T) {
	t.Parallel()
	const table = `public."LiteLLM_SpendLogs"`
	for name, test := range map[string]struct {
		sql     string
		options []testkit.Option
	}{
		"renamed":  {"ALTER TABLE " + table + ` RENAME TO spend_2025; CREATE TABLE ` + table + ` (LIKE spend_2025 INCLUDING ALL)`, nil},
		"dropped":  {"CREATE TABLE again (LIKE " + table + " INCLUDING ALL); DROP TABLE " + table + `; ALTER TABLE again RENAME TO "LiteLLM_SpendLogs"`, nil},
		"upgraded": {"ALTER TABLE " + table + " ADD COLUMN status text", []testkit.Option{testkit.WithSchema("1.67.2")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t, test.options...)
			p, conn := open(t, db)
			if err := p.Create(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			before, err := p.Check(t.Context(), conn)
			if err != nil || before.Moved {
				t.Fatalf("before: %+v, %v", before, err)
			}
			exec(t, conn, test.sql)
			p, conn = open(t, db)                           // the table as it is now
			outgrown := name != "upgraded" || p.Major >= 15 // 14 has no filters
			if found, err := p.Check(t.Context(), conn); err != nil || found.Moved != outgrown {
				t.Fatalf("moved: %+v, %v", found, err)
			}
			if !outgrown {
				return
			}
			if err := p.Follow(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if found, err := p.Check(t.Context(), conn); err != nil || found.Moved || found.Version == before.Version {
				t.Errorf("followed again: %+v, %v", found, err)
			}
		})
	}
}

// TestCreateRefused checks what a role that only reads is told.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	p, conn := open(t, db)
	exec(t, conn, fmt.Sprintf(`CREATE ROLE %s NOLOGIN; SET ROLE %[1]s`, db.Name))
	t.Cleanup(func() { exec(t, conn, "RESET ROLE; DROP ROLE "+db.Name) })
	err := p.Create(t.Context(), conn)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), p.CreateSQL()) {
		t.Errorf("error %v, want a settings error with %s", err, p.CreateSQL())
	}
}

// TestFourteen has no row filters.
func TestFourteen(t *testing.T) {
	t.Parallel()
	p := publication.Publication{Name: "faultwire", Table: postgres.LatestTable("public"), Major: 14}
	if sql := p.CreateSQL(); strings.Contains(sql, "WHERE") {
		t.Error(sql)
	}
}
