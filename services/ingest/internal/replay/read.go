package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const (
	pageRows     = 1000
	pageTimeout  = 2 * time.Minute
	countTimeout = 10 * time.Minute
)

// row is a failed row with the layout to read it by; valid until the next one.
type row struct {
	layout *spendlog.Layout
	values []spendlog.Value
}

// count runs the count of a query.
func (q *query) count(ctx context.Context, conn *pgx.Conn) ([]int, error) {
	counts := make([]int, len(q.filters))
	err := readOnly(ctx, conn.PgConn(), countTimeout, func() error {
		result := conn.PgConn().ExecParams(ctx, q.countSQL(), bytesOf(q.args), nil, nil, nil).Read()
		if result.Err != nil {
			return result.Err
		}
		for i, text := range result.Rows[0] {
			var err error
			if counts[i], err = strconv.Atoi(string(text)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, &queryError{fmt.Errorf("count the failures: %w", err)}
	}
	return counts, nil
}

// rows reads the rows of a query in pages, each in a transaction of its own: no
// snapshot is held, and no more than a row is kept. An error is the last thing it
// gives, and is a *queryError.
func (q *query) rows(ctx context.Context, conn *pgx.Conn) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		r := reader{query: q, conn: conn.PgConn(), after: place{none: true}}
		for read := 0; q.limit == 0 || read < q.limit; {
			n := pageRows
			if q.limit > 0 {
				n = min(n, q.limit-read)
			}
			got, stopped, err := r.page(ctx, n, yield)
			if err != nil && !stopped {
				yield(row{}, &queryError{fmt.Errorf("read the failures: %w", err)})
			}
			if err != nil || stopped || got < n {
				return
			}
			read += got
		}
	}
}

type reader struct {
	query *query
	conn  *pgconn.PgConn
	after place
}

func (r *reader) page(ctx context.Context, n int, yield func(row, error) bool) (got int, stopped bool, err error) {
	err = readOnly(ctx, r.conn, pageTimeout, func() error {
		sql, args := r.query.pageSQL(r.after, n)
		result := r.conn.ExecParams(ctx, sql, bytesOf(args), nil, nil, nil)
		var err error
		got, stopped, err = r.take(result, yield)
		_, closing := result.Close()
		return errors.Join(err, closing)
	})
	return got, stopped, err
}

func (r *reader) take(result *pgconn.ResultReader, yield func(row, error) bool) (got int, stopped bool, err error) {
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
		return 0, false, nil // an error, which Close returns
	}
	layout, err := spendlog.NewLayout(columns)
	if err != nil {
		return 0, false, err
	}
	values := make([]spendlog.Value, len(columns))
	for result.NextRow() {
		texts := result.Values()
		for i, text := range texts {
			values[i] = spendlog.Value{Null: text == nil, Text: text}
		}
		got++
		r.after = place{startTime: string(texts[startTime]), requestID: string(texts[requestID])}
		if !yield(row{layout, values}, nil) {
			return got, true, nil
		}
	}
	return got, false, nil
}

// readOnly runs do in a transaction that can change nothing, each statement of it
// no longer than timeout.
func readOnly(ctx context.Context, conn *pgconn.PgConn, timeout time.Duration, do func() error) error {
	begin := fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d", timeout.Milliseconds())
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	err := do()
	if _, end := conn.Exec(ctx, "ROLLBACK").ReadAll(); err == nil {
		err = end
	}
	return err
}

func bytesOf(args []string) [][]byte {
	b := make([][]byte, len(args))
	for i, a := range args {
		b[i] = []byte(a)
	}
	return b
}

// queryError is an error of reading: it ends the replay, which says so.
type queryError struct{ cause error }

func (e *queryError) Error() string { return e.cause.Error() }
func (e *queryError) Unwrap() error { return e.cause }
