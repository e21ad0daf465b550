package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Clock tells the database's time between two readings of it.
type Clock struct {
	mu     sync.Mutex
	server time.Time
	read   time.Time // ours, monotonic
}

// Set notes that the database's clock showed t just now.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.read = t, time.Now()
}

// Now is the database's time, in UTC; our own until it was read once.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.IsZero() {
		return time.Now().UTC()
	}
	return c.server.Add(time.Since(c.read)).UTC()
}

// ReadTime reads the database's clock, in UTC. It is nearer to LiteLLM's than ours.
func ReadTime(ctx context.Context, conn *pgx.Conn) (now time.Time, err error) {
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return now, fmt.Errorf("read the database's clock: %w", err)
	}
	return now.UTC(), nil
}
