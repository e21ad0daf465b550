package failure

import (
	"sync"
	"time"
)

// In a storm most rows say the same. The first of each kind in a window travel in
// full, and as many others in an hour as make a day's files; the rest keep what is
// counted.
const (
	fullPerKind   = 20
	fullPerHour   = 10_000
	budgetWindow  = 5 * time.Minute // analyzer.window's default
	mostBudgeting = 10_000          // kinds that are counted in a window
)

// budget of rows in full. The zero value is unspent.
type budget struct {
	mu           sync.Mutex
	hour, window time.Time
	spent        int
	kinds        map[string]int
}

// at returns the budget of a moment as a function of kinds.
func (b *budget) at(t time.Time) func(kind string) bool {
	return func(kind string) bool { return b.spend(t, kind) }
}

// spend reports whether a row of a kind may travel in full.
func (b *budget) spend(t time.Time, kind string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if hour := t.Truncate(time.Hour); hour.After(b.hour) {
		b.hour, b.spent = hour, 0
	}
	if window := t.Truncate(budgetWindow); window.After(b.window) || b.kinds == nil {
		b.window, b.kinds = window, map[string]int{}
	}
	seen, counted := b.kinds[kind]
	if counted || len(b.kinds) < mostBudgeting {
		b.kinds[kind] = seen + 1
	} else {
		seen = fullPerKind
	}
	if seen >= fullPerKind && b.spent >= fullPerHour {
		return false
	}
	b.spent++
	return true
}
