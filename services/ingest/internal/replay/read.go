package replay

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

const (
	pageRows     = 1000
	pageTimeout  = 2 * time.Minute
	countTimeout = 10 * time.Minute
)

// count runs the count of a query.
func (q *query) count(ctx context.Context, conn *pgx.Conn) ([]int, error) {
	counts := make([]int, len(q.filters))
	err := rows.ReadOnly(ctx, conn.PgConn(), countTimeout, func() error {
		result := conn.PgConn().ExecParams(ctx, q.countSQL(), rows.Args(q.args...), nil, nil, nil).Read()
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
func (q *query) rows(ctx context.Context, conn *pgx.Conn) iter.Seq2[rows.Row, error] {
	return func(yield func(rows.Row, error) bool) {
		r := reader{query: q, conn: conn.PgConn()}
		for read := 0; q.limit == 0 || read < q.limit; {
			n := pageRows
			if q.limit > 0 {
				n = min(n, q.limit-read)
			}
			got, stopped, err := r.page(ctx, n, yield)
			if err != nil && !stopped {
				yield(rows.Row{}, &queryError{fmt.Errorf("read the failures: %w", err)})
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
	after rows.Place
}

func (r *reader) page(ctx context.Context, n int, yield func(rows.Row, error) bool) (got int, stopped bool, err error) {
	err = rows.ReadOnly(ctx, r.conn, pageTimeout, func() error {
		sql, args := r.query.pageSQL(r.after, n)
		return rows.Each(r.conn.ExecParams(ctx, sql, rows.Args(args...), nil, nil, nil), func(row rows.Row) bool {
			got++
			r.after = row.Place
			stopped = !yield(row, nil)
			return !stopped
		})
	})
	return got, stopped, err
}

// queryError is an error of reading: it ends the replay, which says so.
type queryError struct{ cause error }

func (e *queryError) Error() string { return e.cause.Error() }
func (e *queryError) Unwrap() error { return e.cause }
