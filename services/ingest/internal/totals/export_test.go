package totals

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// At makes the database's clock show now, and its statements end after timeout.
func (c *Counter) At(now time.Time, timeout time.Duration) {
	c.now = func(context.Context, *pgx.Conn) (time.Time, error) { return now, nil }
	c.timeout = timeout
}

// Round counts what is due and says how long Run would wait.
func (c *Counter) Round(ctx context.Context) (time.Duration, error) {
	r := c.round(ctx)
	return c.settle(r), r.err
}

// Close closes the connection.
func (c *Counter) Close(ctx context.Context) { c.close(ctx) }

// Most is the longest span of one query.
func (c *Counter) Most() time.Duration { return c.most }
