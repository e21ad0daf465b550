package replay

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

// rateTimeout is for what only completes a report: a million rows take under a second
// without a filter by key, which has to look into the metadata of each.
const rateTimeout = 5 * time.Second

// rate counts all requests that the filters select, and the failed ones among them;
// nil when that takes too long.
func (q *query) rate(ctx context.Context, conn *pgx.Conn) (rate *event.Rate, err error) {
	err = rows.ReadOnly(ctx, conn.PgConn(), rateTimeout, func() error {
		result := conn.PgConn().ExecParams(ctx, q.rateSQL(), rows.Args(q.args...), nil, nil, nil).Read()
		if result.Err != nil {
			return result.Err
		}
		var r event.Rate
		for i, to := range []*int{&r.Requests, &r.Failed} {
			if *to, err = strconv.Atoi(string(result.Rows[0][i])); err != nil {
				return err
			}
		}
		rate = &r
		return nil
	})
	if postgres.State(err) == postgres.StateQueryCanceled {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("count the requests: %w", err)
	}
	return rate, nil
}

func (q *query) rateSQL() string {
	where := []string{q.when}
	for _, f := range q.filters[1:] {
		where = append(where, f.sql)
	}
	return fmt.Sprintf("SELECT count(*), count(*) FILTER (WHERE %s) FROM %s WHERE %s", q.table.Failed(), q.table.Name(), strings.Join(where, " AND "))
}
