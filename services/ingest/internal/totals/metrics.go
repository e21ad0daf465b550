package totals

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of counting; a process that doesn't count exports no interval.
type Metrics struct {
	took     prometheus.Histogram
	interval *prometheus.Desc
	pause    atomic.Int64 // nanoseconds, 0 = not counting
}

// NewMetrics registers the metrics; an error says that they are registered already.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_requests_count_duration_seconds", Help: "How long the database worked on a round of counting requests.",
			Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30},
		}),
		interval: prometheus.NewDesc("faultwire_requests_count_interval_seconds", "Time between two rounds of counting requests; above 60 the database took long for the last, absent while they can't be counted or another process does it.", nil, nil),
	}
	if err := reg.Register(m); err != nil {
		return nil, fmt.Errorf("register the metrics of counting requests: %w", err)
	}
	return m, nil
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	m.took.Describe(to)
	to <- m.interval
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.took.Collect(to)
	if pause := m.pause.Load(); pause > 0 {
		to <- prometheus.MustNewConstMetric(m.interval, prometheus.GaugeValue, time.Duration(pause).Seconds())
	}
}

func (m *Metrics) counted(took, interval time.Duration) {
	m.took.Observe(took.Seconds())
	m.pause.Store(int64(interval))
}

func (m *Metrics) idle() { m.pause.Store(0) }
