package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
)

// LiteLLM writes what its proxy has queued every few seconds, in one INSERT.
const (
	flushes    = 10
	flushEvery = 2500 * time.Millisecond
	// trafficTime is from the first flush to the last.
	trafficTime = (flushes - 1) * flushEvery
)

var errNoRows = errors.New("there are no sample rows")

// shifted moves all rows by one constant, so that the last request ends at end and
// the others as long before it as they did.
func shifted(rows []sample.Row, end time.Time) ([]sample.Row, error) {
	if len(rows) == 0 {
		return nil, errNoRows
	}
	last := rows[0].EndTime
	for _, row := range rows {
		if row.EndTime.After(last) {
			last = row.EndTime
		}
	}
	return sample.Shift(rows, end.UTC().Sub(last))
}

// cut makes n flushes of the same size, oldest requests first.
func cut(rows []sample.Row, n int) [][]sample.Row {
	rows = slices.SortedStableFunc(slices.Values(rows), func(a, b sample.Row) int { return a.StartTime.Compare(b.StartTime) })
	return slices.Collect(slices.Chunk(rows, (len(rows)+n-1)/n))
}

// write writes the rows as LiteLLM does, one flush after the other, and tells of
// each.
func write(ctx context.Context, conn *pgx.Conn, parts [][]sample.Row, told func(rows, failed int)) error {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for i, part := range parts {
		if i > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-ticker.C:
			}
		}
		if err := sample.Insert(ctx, conn, part); err != nil {
			return fmt.Errorf("write requests into the demo's database: %w", err)
		}
		told(len(part), failedOf(part))
	}
	return nil
}

func failedOf(rows []sample.Row) (n int) {
	for _, row := range rows {
		if row.Failed() {
			n++
		}
	}
	return n
}
