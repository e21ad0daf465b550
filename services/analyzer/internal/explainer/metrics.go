package explainer

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

const outcomeOK = "ok"

type metrics struct {
	calls    *prometheus.CounterVec
	duration prometheus.Histogram
	tokens   *prometheus.CounterVec
	current  *current
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_llm_calls_total", Help: "Calls to the LLM, by outcome: ok, nonsense (no usable answer), timeout, unreachable, http_<status>.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_llm_call_duration_seconds", Help: "Duration of calls to the LLM, whatever their outcome.",
			Buckets: []float64{.5, 1, 2, 5, 10, 20, 45, 90, 180, 300, 600},
		}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_llm_tokens_total", Help: "Tokens of calls to the LLM, as its endpoint counts them: input, output.",
		}, []string{"direction"}),
		current: &current{
			pending: prometheus.NewDesc("faultwire_explanations_pending", "Kinds that wait for an explanation; only from the explainer that is active.", nil, nil),
			left:    prometheus.NewDesc("faultwire_llm_budget_remaining_calls", "Calls to the LLM left in this hour and this day (UTC); only from the explainer that is active.", []string{"per"}, nil),
		},
	}
	for _, outcome := range []string{outcomeOK, llm.OutcomeNonsense} {
		m.calls.WithLabelValues(outcome)
	}
	for _, c := range []prometheus.Collector{m.calls, m.duration, m.tokens, m.current} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(outcome string, took time.Duration, usage llm.Usage) {
	m.calls.WithLabelValues(outcome).Inc()
	m.duration.Observe(took.Seconds())
	m.tokens.WithLabelValues("input").Add(float64(usage.Input))
	m.tokens.WithLabelValues("output").Add(float64(usage.Output))
}

// show shows the state of who is active; nil = we aren't.
func (m *metrics) show(s *snapshot) { m.current.snapshot.Store(s) }

// snapshot is the state of the desk after an event.
type snapshot struct {
	pending int
	spent   spent
	limits  config.LLM
}

// current collects from the last snapshot: hours and days end without an event.
type current struct {
	pending, left *prometheus.Desc
	snapshot      atomic.Pointer[snapshot]
}

// Describe implements [prometheus.Collector].
func (c *current) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- c.pending
	descriptions <- c.left
}

// Collect implements [prometheus.Collector].
func (c *current) Collect(to chan<- prometheus.Metric) {
	s := c.snapshot.Load()
	if s == nil {
		return
	}
	hour, today := s.spent.at(time.Now()).left(s.limits)
	to <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, float64(s.pending))
	to <- prometheus.MustNewConstMetric(c.left, prometheus.GaugeValue, float64(hour), "hour")
	to <- prometheus.MustNewConstMetric(c.left, prometheus.GaugeValue, float64(today), "day")
}
