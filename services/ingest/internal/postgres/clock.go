package postgres

import (
	"sync"
	"time"
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
