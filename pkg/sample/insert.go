package sample

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxParameters is the most that one statement of PostgreSQL's protocol takes.
const maxParameters = 65535

// Insert writes rows as LiteLLM does: in a transaction of their own, by one
// INSERT of many rows with parameters, ON CONFLICT DO NOTHING (an id that is
// there already is skipped in silence). The columns are those of the rows, so
// that rows of any release fit its table; all rows must have the same. LiteLLM
// itself puts at most 1000 rows into a statement.
func Insert(ctx context.Context, conn *pgx.Conn, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	names, values, err := insertValues(rows)
	if err != nil {
		return fmt.Errorf("insert sample rows: %w", err)
	}
	if len(values) > maxParameters {
		return fmt.Errorf("insert %d sample rows: %w (%d with %d columns)", len(rows), ErrTooManyRows, maxParameters/len(names), len(names))
	}
	sql := insertSQL(names, len(rows))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Not cached: the text differs with every number of rows.
		args := append([]any{pgx.QueryExecModeDescribeExec}, values...)
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("insert %d sample rows: %w", len(rows), err)
	}
	return nil
}

// insertValues returns the column names and the parameters, row by row.
func insertValues(rows []Row) (names []string, values []any, err error) {
	for i, row := range rows {
		columns, err := columnsOf(row.JSON)
		if err != nil {
			return nil, nil, err
		}
		if i > 0 && len(columns) != len(names) {
			return nil, nil, fmt.Errorf("row %q: %w", row.RequestID, ErrMixedColumns)
		}
		for j, c := range columns {
			if i == 0 {
				names = append(names, c.name)
			} else if names[j] != c.name {
				return nil, nil, fmt.Errorf("row %q: %w", row.RequestID, ErrMixedColumns)
			}
			value, err := parameter(row.JSON[c.from:c.to], isJSON(c.name))
			if err != nil {
				return nil, nil, fmt.Errorf("row %q: column %s: %w", row.RequestID, c.name, err)
			}
			values = append(values, value)
		}
	}
	return names, values, nil
}

// isJSON says whether a column of LiteLLM_SpendLogs is jsonb, in any release.
// Only the type tells a JSON string in a jsonb column from text.
func isJSON(name string) bool {
	switch name {
	case "metadata", "request_tags", "messages", "response", "proxy_server_request":
		return true
	}
	return false
}

// parameter is a column's value in PostgreSQL's text format, which the server
// reads by the column's type: strings without their quotes, the rest verbatim.
func parameter(value []byte, verbatim bool) (any, error) {
	if bytes.Equal(value, []byte("null")) {
		return nil, nil // a jsonb column's null can't be told from SQL's in row_to_json
	}
	if verbatim || value[0] != '"' {
		return string(value), nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, err
	}
	return text, nil
}

// insertSQL is the statement in the form of LiteLLM's Prisma client.
func insertSQL(names []string, rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO "public"."LiteLLM_SpendLogs" (`)
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pgx.Identifier{name}.Sanitize())
	}
	b.WriteString(") VALUES ")
	n := 0
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for i := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(')')
	}
	b.WriteString(" ON CONFLICT DO NOTHING")
	return b.String()
}

// InsertTokens writes keys into LiteLLM's two tables of them.
func InsertTokens(ctx context.Context, conn *pgx.Conn, tokens []Token) error {
	for _, t := range tokens {
		table := pgx.Identifier{"public", t.Table}.Sanitize()
		sql := fmt.Sprintf("INSERT INTO %[1]s SELECT * FROM jsonb_populate_record(NULL::%[1]s, $1) ON CONFLICT DO NOTHING", table)
		if _, err := conn.Exec(ctx, sql, string(t.Row)); err != nil {
			return fmt.Errorf("insert a sample row of %s: %w", t.Table, err)
		}
	}
	return nil
}
