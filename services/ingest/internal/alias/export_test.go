package alias

import (
	"log/slog"
	"time"
)

// NewBounded returns a table with other limits.
func NewBounded(schema string, log *slog.Logger, known, unknown, asked int, fresh time.Duration) *Names {
	n := New(schema, log)
	n.limits.known, n.limits.unknown, n.limits.asked, n.limits.fresh = known, unknown, asked, fresh
	return n
}

// Sizes returns how many keys are in the table's parts.
func (n *Names) Sizes() (known, unknown, asked int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.known), len(n.unknown), len(n.asked)
}
