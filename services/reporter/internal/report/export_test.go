package report

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/event"
)

// SetNow sets the writer's clock.
func (w *Writer) SetNow(now func() time.Time) { w.now = now }

// Waiting is the number of periods that wait.
func (w *Writer) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.jobs)
}

// Select returns which of the kinds' rows are written, in order.
func Select(kinds []event.Kind, rows []string, most int) []bool {
	s := selectRows(kinds, most)
	var taken []bool
	for _, fingerprint := range rows {
		taken = append(taken, s.takes(fingerprint))
	}
	return taken
}

// OfEachKind is how many rows of each kind are always written.
const OfEachKind = ofEachKind

// Mismatches is the counter of windows that differ.
func (m *Metrics) Mismatches() prometheus.Counter { return m.mismatches }
