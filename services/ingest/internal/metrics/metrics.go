// Package metrics shows what ingest does.
package metrics

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/storm"
)

// Clock tells the database's time.
type Clock interface{ Now() time.Time }

// Metrics is safe for use from several goroutines.
type Metrics struct {
	clock Clock

	published, duplicates, retries, gaps, heldBack, cut prometheus.Counter

	filled                         *prometheus.CounterVec
	holding, unanalysed, discarded prometheus.Gauge

	delay, litellmDelay prometheus.Histogram

	mu        sync.Mutex
	role      Role
	watermark time.Time
	slot      *slot.State

	lag, connected, retained, safe, lost *prometheus.Desc
}

// Role is what this process does for the slot.
type Role int

// Roles.
const (
	Disconnected Role = iota // no session, and trying
	Standby                  // another process follows the slot
	Following
	Polling
)

// Active reports whether it reads LiteLLM's table.
func (r Role) Active() bool { return r == Following || r == Polling }

// New registers the metrics; an error says that they are registered already.
func New(reg prometheus.Registerer, clock Clock) (*Metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		clock:      clock,
		published:  counter("faultwire_ingest_published_total", "Failures stored in the log by this process."),
		duplicates: counter("faultwire_ingest_duplicates_total", "Failures read again that were in the log already."),
		retries:    counter("faultwire_ingest_publish_retries_total", "Batches published again because the broker refused or did not answer."),
		gaps:       counter("faultwire_ingest_gaps_total", "Times that failures were missing in the log and had to be read out of LiteLLM's table."),
		heldBack:   counter("faultwire_ingest_held_back_total", "Failures held back from the log in a storm, to be read out of LiteLLM's table later."),
		cut:        counter("faultwire_ingest_cut_rows_total", "Failures stored without the long values of their rows: more than 20 of their kind in 5 minutes and 10,000 in the hour."),
		filled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faultwire_ingest_read_total", Help: "Failures read out of LiteLLM's table by SQL, by reason: polled, gap or history.",
		}, []string{"reason"}),
		holding:    gauge("faultwire_ingest_holding", "1 while failures are held back in a storm."),
		unanalysed: gauge("faultwire_ingest_unanalysed_ratio", "Part of nats.max_bytes that is in the log and no analysis covers yet; past 0.5 failures are held back."),
		discarded:  gauge("faultwire_ingest_discarded_entries", "Entries that are gone from the log, because of their age or its size."),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_ingest_delay_seconds", Help: "From the commit of a failure in LiteLLM's database until it is safe in the log.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800},
		}),
		litellmDelay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "faultwire_litellm_delay_seconds", Help: "From the end of a failed request until LiteLLM committed its row.",
			Buckets: []float64{1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 6000},
		}),
		lag:       prometheus.NewDesc("faultwire_ingest_lag_seconds", "Age of the moment before which no failure is missing in the log, on the database's clock.", nil, nil),
		connected: prometheus.NewDesc("faultwire_ingest_connected", "1 while this process follows the replication slot, or polls.", nil, nil),
		retained:  prometheus.NewDesc("faultwire_slot_retained_bytes", "Write-ahead log that the database keeps for our slot.", nil, nil),
		safe:      prometheus.NewDesc("faultwire_slot_safe_wal_bytes", "Write-ahead log that can be written before our slot is in danger; absent while max_slot_wal_keep_size is -1.", nil, nil),
		lost:      prometheus.NewDesc("faultwire_slot_lost", "1 when the database has removed log that our slot needs.", nil, nil),
	}
	for _, c := range []prometheus.Collector{m.published, m.duplicates, m.retries, m.gaps, m.heldBack, m.cut, m.filled, m.holding, m.unanalysed, m.discarded, m.delay, m.litellmDelay, state{m}} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of ingest: %w", err)
		}
	}
	return m, nil
}

// Published counts a failure that is durable, and its two delays: LiteLLM's and
// ours.
func (m *Metrics) Published(e *feed.Entry) {
	m.published.Inc()
	if e.Cut {
		m.cut.Inc()
	}
	if e.Estimated {
		return
	}
	m.delay.Observe(max(0, m.clock.Now().Sub(e.Header.Time).Seconds()))
	if e.Header.Live && !e.Ended.IsZero() {
		m.litellmDelay.Observe(max(0, e.Header.Time.Sub(e.Ended).Seconds()))
	}
}

// Duplicates counts rows that were in the log already.
func (m *Metrics) Duplicates(n int) { m.duplicates.Add(float64(n)) }

// Retried counts a batch that is published again.
func (m *Metrics) Retried() { m.retries.Inc() }

// Gap counts a gap that was found.
func (m *Metrics) Gap() { m.gaps.Inc() }

// Holding notes whether failures are held back; that they are is a gap.
func (m *Metrics) Holding(yes bool) {
	m.holding.Set(number(yes))
	if yes {
		m.gaps.Inc()
	}
}

// HeldBack counts failures that were held back.
func (m *Metrics) HeldBack(n int) { m.heldBack.Add(float64(n)) }

// Filled counts failures that were read by SQL.
func (m *Metrics) Filled(mark failure.Mark, n int) {
	m.filled.WithLabelValues(mark.String()).Add(float64(n))
}

// Log notes how full the log is.
func (m *Metrics) Log(u storm.Usage) {
	m.unanalysed.Set(u.Share())
	m.discarded.Set(float64(u.Discarded))
}

// Watermark notes the moment up to which all is durable.
func (m *Metrics) Watermark(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.After(m.watermark) {
		m.watermark = t
	}
}

// Slot notes what the server says of the slot.
func (m *Metrics) Slot(s slot.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slot = &s
}

// SetRole notes what this process does.
func (m *Metrics) SetRole(r Role) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.role = r
}

// readyLag is how old the watermark may be; heartbeats move it every 5 s.
const readyLag = 60 * time.Second

// Ready returns why ingest is not keeping up.
func (m *Metrics) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.role == Standby:
		return ErrStandby
	case !m.role.Active():
		return ErrDisconnected
	case m.watermark.IsZero():
		return ErrNothingYet
	}
	if lag := m.clock.Now().Sub(m.watermark); lag > readyLag {
		return fmt.Errorf("%w: %s", ErrBehind, lag.Round(time.Second))
	}
	return nil
}

// Why ingest is not ready.
var (
	ErrStandby      = errors.New("standing by: another faultwire follows the slot")
	ErrDisconnected = errors.New("not connected to LiteLLM's database")
	ErrNothingYet   = errors.New("connected, nothing stored yet")
	ErrBehind       = errors.New("behind LiteLLM's database")
)

// state is the collector of what is computed when it is asked for.
type state struct{ *Metrics }

// Describe implements [prometheus.Collector].
func (s state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.lag, s.connected, s.retained, s.safe, s.lost} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (s state) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	gauge(s.connected, number(s.role.Active()))
	if s.role != Standby && !s.watermark.IsZero() {
		gauge(s.lag, max(0, s.clock.Now().Sub(s.watermark).Seconds()))
	}
	if s.slot == nil {
		return
	}
	gauge(s.retained, float64(s.slot.Retained))
	gauge(s.lost, number(s.slot.Lost()))
	if s.slot.Safe != nil {
		gauge(s.safe, float64(*s.slot.Safe))
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
