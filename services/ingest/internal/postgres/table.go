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
	// Rescued makes [Table.Failed] hold for rescued requests too: ingest.include_rescued.
	Rescued bool
}

// LatestTable is the table of every release from 1.68 on, as far as SQL is
// written for it.
func LatestTable(schema string) Table {
	return Table{Schema: schema, Columns: []string{"request_id", "startTime", "model", "model_group", "metadata", "status"}}
}

// FindTable looks for the table in a schema; rescued is [Table].Rescued. Any role may.
func FindTable(ctx context.Context, conn *pgx.Conn, schema string, rescued bool) (Table, error) {
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
	t := Table{Schema: schema, Columns: columns, Rescued: rescued}
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

// Readable reports whether the role of a connection may read the table.
func (t Table) Readable(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var may bool
	if err := conn.QueryRow(ctx, "SELECT has_table_privilege($1, 'SELECT') AND has_schema_privilege($2, 'USAGE')", t.Name(), t.Schema).Scan(&may); err != nil {
		return false, fmt.Errorf("ask for the rights on %s: %w", t.Name(), err)
	}
	return may, nil
}

// NoSelect says that a role may not read the table.
func (t Table) NoSelect(role string, cause error) *SettingsError {
	return &SettingsError{
		Setting: "postgres.user",
		Problem: fmt.Sprintf("role %q may not read %s", role, t.Name()),
		Remedy:  fmt.Sprintf("Run as a superuser or as the owner of the table: GRANT USAGE ON SCHEMA %s TO %s; ", Quote(t.Schema), Quote(role)) + t.GrantSQL(role),
		Cause:   cause,
	}
}

// GrantSQL lets a role read the table.
func (t Table) GrantSQL(role string) string {
	return fmt.Sprintf("GRANT SELECT ON %s TO %s;", t.Name(), Quote(role))
}

// Name is the quoted, qualified name.
func (t Table) Name() string { return pgx.Identifier{t.Schema, SpendLogs}.Sanitize() }

// Has reports whether the table has a column.
func (t Table) Has(column string) bool { return slices.Contains(t.Columns, column) }

// Failed is the SQL condition for "this request failed", the same in
// publication, replay and counts. The column status exists from LiteLLM 1.68 on
// (LiteLLM #10661) and is NULL in older rows, whose metadata has a status only
// if they failed. Package spendlog has the same rule for rows that were read.
func (t Table) Failed() string {
	failed := `metadata ->> 'status' = 'failure'`
	if t.Has("status") {
		failed = `status <> 'success' OR (status IS NULL AND ` + failed + `)`
	}
	if t.Rescued {
		failed += " OR " + rescued
	}
	return "(" + failed + ")"
}

// rescued is the SQL condition for what LiteLLM leaves in the metadata of a success
// of which a try failed: an error (1.106: ClientDisconnected), attempted_retries
// (from 1.83), attempted_fallbacks (from 1.106, LiteLLM #38107). A row filter takes
// immutable functions only, so there is no cast to a number (0A000). One path, because
// every operator unpacks the whole column again; strict, because a lax one looks
// into lists; > "", because null is != "".
const rescued = `metadata @? 'strict $ ? (@.error_information.error_class > "" || @.attempted_fallbacks > 0 || @.attempted_retries > 0)'`

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
