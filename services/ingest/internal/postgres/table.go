package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// SpendLogs is the name of LiteLLM's table of requests.
const SpendLogs = "LiteLLM_SpendLogs"

// Table is LiteLLM's table as it is in this database; its columns depend on the
// release of LiteLLM.
type Table struct {
	Schema  string
	Columns []string // in order
}

// LatestTable is the table of every release from 1.68 on, as far as SQL is
// written for it.
func LatestTable(schema string) Table {
	return Table{Schema: schema, Columns: []string{"request_id", "startTime", "model", "model_group", "metadata", "status"}}
}

// FindTable looks for the table in a schema. Any role may.
func FindTable(ctx context.Context, conn *pgx.Conn, schema string) (Table, error) {
	const query = `SELECT a.attname FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attnum`
	rows, err := conn.Query(ctx, query, schema, SpendLogs)
	if err != nil {
		return Table{}, fmt.Errorf("look for table %s: %w", SpendLogs, err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return Table{}, fmt.Errorf("look for table %s: %w", SpendLogs, err)
	}
	t := Table{Schema: schema, Columns: columns}
	if len(columns) == 0 {
		return Table{}, &SettingsError{
			Setting: "postgres.database",
			Problem: fmt.Sprintf("there is no table %s in database %q: is this LiteLLM's database?", t.Name(), conn.Config().Database),
			Remedy:  "Set postgres.database or postgres.schema (FAULTWIRE_POSTGRES_DATABASE, FAULTWIRE_POSTGRES_SCHEMA) to those of LiteLLM's DATABASE_URL",
		}
	}
	for _, name := range []string{"request_id", "startTime", "metadata"} {
		if !t.Has(name) {
			return Table{}, &SettingsError{
				Setting: "postgres.database",
				Problem: fmt.Sprintf("table %s has no column %q, which every known release of LiteLLM (1.67 to 1.106) has", t.Name(), name),
				Remedy:  "Set postgres.database or postgres.schema (FAULTWIRE_POSTGRES_DATABASE, FAULTWIRE_POSTGRES_SCHEMA) to LiteLLM's",
			}
		}
	}
	return t, nil
}

// Name is the quoted, qualified name.
func (t Table) Name() string { return pgx.Identifier{t.Schema, SpendLogs}.Sanitize() }

// Has reports whether the table has a column.
func (t Table) Has(column string) bool { return slices.Contains(t.Columns, column) }

// Failed is the SQL condition for "this request failed", the same in
// publication, replay and counts. The column status exists from LiteLLM 1.68 on
// (LiteLLM #10661) and is NULL in older rows, whose metadata has a status only
// if they failed.
func (t Table) Failed() string {
	const old = `metadata ->> 'status' = 'failure'`
	if !t.Has("status") {
		return "(" + old + ")"
	}
	return `(status <> 'success' OR (status IS NULL AND ` + old + `))`
}

// Quote makes any text an identifier of SQL.
func Quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Literal makes any text a string constant of SQL, also where
// standard_conforming_strings is off.
func Literal(text string) string {
	if strings.Contains(text, `\`) {
		return " E'" + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(text) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
