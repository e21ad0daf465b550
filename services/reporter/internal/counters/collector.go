package counters

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// descriptions are made per use: they are values, cheap next to a scrape, and so
// no state of the package.
type descriptions struct {
	failures, kinds, folded, own, health, unreadable, missed, watermark, entries, bytes *prometheus.Desc
}

func describe() descriptions {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("faultwire_"+name, help, labels, nil)
	}
	return descriptions{
		failures:   desc("failures_total", "Failed requests by the model that clients call, provider and class of error; our own calls and health checks included.", "model", "provider", "class"),
		kinds:      desc("kinds_total", "Different kinds of errors seen so far, by class.", "class"),
		folded:     desc("metric_series_folded_total", "Failures counted under model \"other\" because the budget of series is spent."),
		own:        desc("own_failures_total", "Failed calls of faultwire itself, for explanations."),
		health:     desc("health_check_failures_total", "Failed health checks of LiteLLM."),
		unreadable: desc("log_unreadable_entries_total", "Entries of the log that are damaged and were not counted."),
		missed:     desc("log_missed_entries_total", "Entries discarded from the log before they were counted."),
		watermark:  desc("log_watermark_timestamp_seconds", "Commit time up to which the log is complete, by the database's clock."),
		entries:    desc("log_entries", "Entries the log holds, heartbeats included."),
		bytes:      desc("log_bytes", "Size of the log."),
	}
}

// Describe implements prometheus.Collector.
func (r *Reader) Describe(to chan<- *prometheus.Desc) {
	d := describe()
	for _, desc := range []*prometheus.Desc{d.failures, d.kinds, d.folded, d.own, d.health, d.unreadable, d.missed, d.watermark, d.entries, d.bytes} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (r *Reader) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	if !r.caughtUp {
		r.mu.Unlock()
		return
	}
	totals, size := r.counters.Totals(), r.size
	r.mu.Unlock()

	d := describe()
	counter := func(desc *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(desc *prometheus.Desc, v float64) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
	for _, tally := range totals.Failures {
		counter(d.failures, tally.Failures, tally.Model, tally.Provider, tally.Class)
	}
	for class, n := range totals.Kinds {
		counter(d.kinds, n, string(class))
	}
	counter(d.folded, totals.Folded)
	counter(d.own, totals.Own)
	counter(d.health, totals.HealthChecks)
	counter(d.unreadable, totals.Unreadable)
	counter(d.missed, totals.Missed)
	if !totals.Watermark.IsZero() {
		gauge(d.watermark, float64(totals.Watermark.UnixMicro())/float64(time.Second/time.Microsecond))
	}
	gauge(d.entries, float64(size.entries))
	gauge(d.bytes, float64(size.bytes))
}
