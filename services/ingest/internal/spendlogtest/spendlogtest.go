// Package spendlogtest compares rows, from the WAL or from SQL, with what Postgres'
// own row_to_json says of them. It is for tests.
package spendlogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

var (
	// ErrDiffers: a row is not printed as row_to_json prints it.
	ErrDiffers = errors.New("row differs from row_to_json")
	// ErrUnknownRow: a row that was not in the table when it was read.
	ErrUnknownRow = errors.New("row is not in the table")
)

// Table holds what row_to_json says of the rows of a table.
type Table struct {
	rows map[string]string // by request_id
	seen map[string]bool
}

// ReadTable reads a table, given as SQL ("LiteLLM_SpendLogs" with its quotes), or a
// part of it: where is a condition or "". Its rows need different request_ids.
func ReadTable(ctx context.Context, conn *pgx.Conn, table, where string) (*Table, error) {
	sql := "SELECT request_id, row_to_json(t)::text FROM " + table + " t"
	if where != "" {
		sql += " WHERE " + where
	}
	t := &Table{rows: map[string]string{}, seen: map[string]bool{}}
	result := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("read row_to_json of %s: %w", table, result.Err)
	}
	for _, r := range result.Rows {
		t.rows[string(r[0])] = string(r[1])
	}
	return t, nil
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// JSON returns what row_to_json says of a row, "" if there is none.
func (t *Table) JSON(requestID string) string { return t.rows[requestID] }

// Check compares a row with row_to_json byte for byte and remembers that it was
// seen.
func (t *Table) Check(l *spendlog.Layout, columns []spendlog.Column, row []spendlog.Value) error {
	i := slices.IndexFunc(columns, func(c spendlog.Column) bool { return c.Name == "request_id" })
	if i < 0 || i >= len(row) {
		return fmt.Errorf("%w: no request_id", ErrUnknownRow)
	}
	id := string(row[i].Text)
	want, ok := t.rows[id]
	if !ok {
		return fmt.Errorf("%w: %s", ErrUnknownRow, id)
	}
	t.seen[id] = true
	got, err := l.JSON(nil, row)
	if err != nil {
		return fmt.Errorf("row %s: %w", id, err)
	}
	if string(got) == want {
		return nil
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	around := func(s string) string { return s[max(0, at-40):min(len(s), at+40)] }
	return fmt.Errorf("%w: row %s at byte %d of %d: got %q, want %q", ErrDiffers, id, at, len(want), around(string(got)), around(want))
}

// Unseen returns the request_ids that Check was not called with, in order.
func (t *Table) Unseen() []string {
	var unseen []string
	for _, id := range slices.Sorted(maps.Keys(t.rows)) {
		if !t.seen[id] {
			unseen = append(unseen, id)
		}
	}
	return unseen
}

// Select runs a query that returns rows as the replication protocol does: in text
// format.
func Select(ctx context.Context, conn *pgconn.PgConn, sql string) ([]spendlog.Column, [][]spendlog.Value, error) {
	result := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, nil, fmt.Errorf("select rows: %w", result.Err)
	}
	var columns []spendlog.Column
	for _, f := range result.FieldDescriptions {
		columns = append(columns, spendlog.Column{Name: f.Name, OID: f.DataTypeOID})
	}
	var rows [][]spendlog.Value
	for _, r := range result.Rows {
		row := make([]spendlog.Value, len(r))
		for i, text := range r {
			row[i] = spendlog.Value{Null: text == nil, Text: text}
		}
		rows = append(rows, row)
	}
	return columns, rows, nil
}
