package totals

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/rows"
)

// gentle keeps the query what it is meant to be, a walk through the index on
// startTime by one process: whatever the statistics of the table say.
const gentle = "SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off"

// maxName is how much of a model's name is read, in characters: more than is shown,
// so that a secret in it is known for one.
const maxName = 1024

// row is the requests of a model in a minute.
type row struct {
	minute time.Time
	model  string
	event.Rate
}

// countSQL counts all and failed requests by minute and model, the models with the
// most requests first. The condition for failed is that of publication and replay.
func countSQL(table postgres.Table) string {
	var names []string
	for _, column := range []string{"model_group", "model"} {
		if table.Has(column) {
			names = append(names, "nullif("+column+", '')")
		}
	}
	model := "coalesce(" + strings.Join(append(names, postgres.Literal(event.Unknown)), ", ") + ")"
	return fmt.Sprintf(`SELECT date_trunc('minute', "startTime"), left(%s, %d), count(*), count(*) FILTER (WHERE %s)
		FROM %s WHERE "startTime" >= $1::timestamp AND "startTime" < $2::timestamp GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`,
		model, maxName, table.Failed(), table.Name())
}

// count runs the query for a span.
func count(ctx context.Context, conn *pgconn.PgConn, table postgres.Table, s span, timeout time.Duration, take func(row)) error {
	err := rows.ReadOnly(ctx, conn, timeout, func() error {
		if _, err := conn.Exec(ctx, gentle).ReadAll(); err != nil {
			return err
		}
		result := conn.ExecParams(ctx, countSQL(table), rows.Args(rows.Time(s.from), rows.Time(s.to)), nil, nil, nil)
		var wrong error
		for result.NextRow() {
			r, err := read(result.Values())
			if err != nil {
				wrong = err
				break
			}
			take(r)
		}
		if _, err := result.Close(); err != nil {
			return err
		}
		return wrong
	})
	if err != nil {
		return fmt.Errorf("count the requests of LiteLLM's table that began from %s until %s UTC: %w", rows.Time(s.from), rows.Time(s.to), err)
	}
	return nil
}

func read(values [][]byte) (r row, err error) {
	if r.minute, err = time.ParseInLocation(time.DateTime, string(values[0]), time.UTC); err != nil {
		return row{}, err
	}
	r.model = string(values[1])
	if r.Requests, err = strconv.Atoi(string(values[2])); err != nil {
		return row{}, err
	}
	r.Failed, err = strconv.Atoi(string(values[3]))
	return r, err
}
