package report

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of faultwire_reports_total.
const (
	outcomeWritten = "written"
	outcomeEmpty   = "empty"
	outcomeFailed  = "failed"
)

// Metrics are those of the report writer. They are exported while this process is
// the one that writes.
type Metrics struct {
	active      atomic.Bool
	lastSuccess atomic.Int64 // Unix nanoseconds, 0 = not known
	every       time.Duration
	success     *prometheus.Desc
	interval    *prometheus.Desc
	reports     *prometheus.CounterVec
	mismatches  prometheus.Counter
	delay       prometheus.Histogram
}

// NewMetrics returns metrics that are not active. every is report.every.
func NewMetrics(every time.Duration) *Metrics {
	return &Metrics{
		every:    every,
		interval: prometheus.NewDesc("faultwire_report_interval_seconds", "Longest time between the ends of two live periods (report.every).", nil, nil),
		success:  prometheus.NewDesc("faultwire_report_last_success_timestamp_seconds", "When the last live report was finished; a period without failures counts.", nil, nil),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_reports_total",
			Help: "Reports by what became of them: written, empty (no failures), failed (an attempt that is repeated, or a replay that could not be read).",
		}, []string{"outcome"}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "faultwire_report_mismatches_total",
			Help: "Windows whose stored analysis differs from what the report counted.",
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "faultwire_report_delay_seconds",
			Help:    "From the end of a live period to its error_logs files.",
			Buckets: []float64{1, 2, 5, 10, 15, 30, 60, 300, 900, 3600},
		}),
	}
}

// SetActive switches the export on and off.
func (m *Metrics) SetActive(active bool) { m.active.Store(active) }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.success
	to <- m.interval
	for _, c := range m.collectors() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	if !m.active.Load() {
		return
	}
	if at := m.lastSuccess.Load(); at != 0 {
		to <- prometheus.MustNewConstMetric(m.success, prometheus.GaugeValue, float64(at)/float64(time.Second))
	}
	to <- prometheus.MustNewConstMetric(m.interval, prometheus.GaugeValue, m.every.Seconds())
	for _, c := range m.collectors() {
		c.Collect(to)
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.reports, m.mismatches, m.delay}
}

func (m *Metrics) report(outcome string)   { m.reports.WithLabelValues(outcome).Inc() }
func (m *Metrics) mismatch()               { m.mismatches.Inc() }
func (m *Metrics) delayed(d time.Duration) { m.delay.Observe(d.Seconds()) }
func (m *Metrics) succeeded(at time.Time) {
	for {
		last := m.lastSuccess.Load()
		if at.UnixNano() <= last || m.lastSuccess.CompareAndSwap(last, at.UnixNano()) {
			return
		}
	}
}
