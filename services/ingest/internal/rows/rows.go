// Package rows reads rows of LiteLLM's table by SQL as the WAL has them: in text
// format, by the same decoder.
package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// Row is a row with the layout to read it by; valid until the next one.
type Row struct {
	Layout *spendlog.Layout
	Values []spendlog.Value
	Place
}

// Each gives the rows of a SELECT * one after the other, as long as yield returns
// true, and closes the result.
func Each(result *pgconn.ResultReader, yield func(Row) bool) error {
	err := each(result, yield)
	_, closing := result.Close()
	return errors.Join(err, closing)
}

func each(result *pgconn.ResultReader, yield func(Row) bool) error {
	var columns []spendlog.Column
	startTime, requestID := -1, -1
	for i, f := range result.FieldDescriptions() {
		columns = append(columns, spendlog.Column{Name: f.Name, OID: f.DataTypeOID})
		switch f.Name {
		case "startTime":
			startTime = i
		case "request_id":
			requestID = i
		}
	}
	if len(columns) == 0 {
		return nil // an error, which Close returns
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		return err
	}
	r := Row{Layout: layout, Values: make([]spendlog.Value, len(columns))}
	for result.NextRow() {
		texts := result.Values()
		for i, text := range texts {
			r.Values[i] = spendlog.Value{Null: text == nil, Text: text}
		}
		r.StartTime, r.RequestID = string(texts[startTime]), string(texts[requestID])
		if !yield(r) {
			return nil
		}
	}
	return nil
}

// ReadOnly runs do in a transaction that can change nothing, each statement of it
// no longer than timeout. Values are printed as the WAL's are, also through a pooler,
// which takes no startup parameters for that.
func ReadOnly(ctx context.Context, conn *pgconn.PgConn, timeout time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout+grace) // a network that swallows everything
	defer cancel()
	begin := fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d; SET LOCAL extra_float_digits = 1; SET LOCAL intervalstyle = postgres; SET LOCAL bytea_output = hex", timeout.Milliseconds())
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	err := do()
	if _, end := conn.Exec(ctx, "ROLLBACK").ReadAll(); err == nil {
		err = end
	}
	return err
}

// grace is how much longer than the server we wait.
const grace = 15 * time.Second

// Args are parameters in text format.
func Args(texts ...string) [][]byte {
	b := make([][]byte, len(texts))
	for i, a := range texts {
		b[i] = []byte(a)
	}
	return b
}
