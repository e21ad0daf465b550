package checkup

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// mostRows bounds what is read to see whether failures are written at all: the
	// newest, through the index on "startTime".
	mostRows = 10_000
	// enoughRows is how many requests without one failure are suspicious.
	enoughRows     = 500
	trafficTimeout = 5 * time.Second
)

// lookAtFailures looks for what LiteLLM's own production settings do: with
// disable_error_logs it never writes a failed request (LiteLLM #18510).
func (x *checkup) lookAtFailures(ctx context.Context) error {
	if !x.hasTable || x.noPoll {
		return nil
	}
	all, failed, err := x.countNewest(ctx)
	switch {
	case postgres.State(err) == postgres.StateQueryCanceled:
		x.add(doctor.Warn(nameFailures, `look whether there is an index on "startTime", which LiteLLM makes`, "the newest %s requests could not be counted within %s", plain.Number(mostRows), trafficTimeout))
		return nil
	case err != nil:
		return err
	}
	requests := plain.Count(all, "request") + " in 24 h"
	if all == mostRows {
		requests = "the newest " + plain.Number(mostRows) + " requests of the last 24 h"
	}
	switch {
	case all == 0:
		x.add(doctor.Warn(nameFailures, "see that LiteLLM uses this database and has no disable_spend_logs: true in its config", "no request was written in the last 24 h"))
	case failed == 0 && all >= enoughRows:
		x.add(doctor.Warn(nameFailures, "set disable_error_logs: false in general_settings of LiteLLM's config, then restart LiteLLM",
			"%s and not one failure row: is disable_error_logs: true in LiteLLM's config?", requests))
	default:
		x.add(doctor.Fine(nameFailures, "%s, %s of them failed", requests, plain.Number(failed)))
	}
	return nil
}

// countNewest counts the newest requests of the last 24 hours.
func (x *checkup) countNewest(ctx context.Context) (all, failed int, err error) {
	err = pgx.BeginTxFunc(ctx, x.conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", trafficTimeout.Milliseconds())); err != nil {
			return err
		}
		columns := "metadata"
		if x.table.Has("status") {
			columns = "status, metadata"
		}
		query := fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE %s) FROM (SELECT %s FROM %s
			WHERE "startTime" > now()::timestamp - interval '24 hours' ORDER BY "startTime" DESC LIMIT %d) newest`, x.table.Failed(), columns, x.table.Name(), mostRows)
		return tx.QueryRow(ctx, query).Scan(&all, &failed)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count the newest requests: %w", err)
	}
	return all, failed, nil
}
