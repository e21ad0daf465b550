package explainer

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

type metrics struct {
	calls     *prometheus.CounterVec
	durations prometheus.Histogram
	tokens    *prometheus.CounterVec
	remaining *prometheus.GaugeVec
	pending   prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_llm_calls_total", Help: "Calls to the LLM by outcome: ok, nonsense, timeout, unreachable, http_<status>.",
		}, []string{"outcome"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_llm_call_duration_seconds", Help: "How long a call to the LLM took.", Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600},
		}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_llm_tokens_total", Help: "Tokens the LLM's endpoint counted, by direction: input, output.",
		}, []string{"direction"}),
		remaining: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "faultwire_llm_budget_remaining_calls", Help: "Calls to the LLM left in this clock hour and UTC day.",
		}, []string{"per"}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "faultwire_explanations_pending", Help: "Kinds that wait for an explanation; 0 on a standby.",
		}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.durations, m.tokens, m.remaining, m.pending} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(a answer) {
	outcome := "ok"
	var call *llm.CallError
	switch {
	case errors.As(a.err, &call):
		outcome = call.Outcome
	case a.err != nil:
		outcome = "failed"
	}
	m.calls.WithLabelValues(outcome).Inc()
	m.durations.Observe(a.took.Seconds())
	m.tokens.WithLabelValues("input").Add(float64(a.reply.Usage.Input))
	m.tokens.WithLabelValues("output").Add(float64(a.reply.Usage.Output))
}

func (m *metrics) budget(hour, today int) {
	m.remaining.WithLabelValues("hour").Set(float64(hour))
	m.remaining.WithLabelValues("day").Set(float64(today))
}
