package analyst

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/event"
)

// Outcomes of analyses.
const (
	complete = "complete"
	missing  = "missing" // entries were discarded before the scan, or damaged
	failed   = "failed"
)

type metrics struct {
	analyses    *prometheus.CounterVec
	delay       prometheus.Histogram
	undecodable prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		analyses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_analyses_total", Help: "Analyses of windows that were stored, by outcome: complete, missing (entries were discarded before the scan, or damaged), failed.",
		}, []string{"outcome"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_analysis_delay_seconds", Help: "From the end of a live window to its stored analysis.",
			Buckets: []float64{1, 2, 5, 10, 15, 30, 60, 300, 1800},
		}),
		undecodable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "faultwire_analysis_undecodable_entries_total", Help: "Log entries that could not be decoded and are in no analysis.",
		}),
	}
	for _, outcome := range []string{complete, missing, failed} {
		m.analyses.WithLabelValues(outcome)
	}
	for _, c := range []prometheus.Collector{m.analyses, m.delay, m.undecodable} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(a *event.Analysis) {
	outcome := complete
	switch {
	case a.Failed != "":
		outcome = failed
	case a.Scanned < a.Window.N:
		outcome = missing
	}
	m.analyses.WithLabelValues(outcome).Inc()
	if a.Window.Run == event.RunLive {
		m.delay.Observe(time.Since(a.Window.End).Seconds())
	}
}
