package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Captured tells what the log holds.
type Captured interface {
	// Captured counts the failures in the log by the minute they began in (Unix
	// seconds), those of the last hours at least, and says when the log began; nil
	// before it was read.
	Captured() (byMinute map[int64]int, since time.Time)
}

// Reader follows TRAFFIC and keeps the counters of requests in the STATE bucket. It
// is a prometheus.Collector that exports nothing until [Reader.Run] has caught up,
// and nothing that would be lost by a crash: what it exports never goes back.
type Reader struct {
	store    topology.Store
	captured Captured
	log      *slog.Logger

	mu    sync.Mutex
	shown *shown // nil while not running
}

// shown is what /metrics says.
type shown struct {
	series []Series
	newest time.Time                // minute
	counts map[time.Time]event.Rate // of the minutes that may be counted again
}

// NewReader returns a reader of store's TRAFFIC.
func NewReader(store topology.Store, captured Captured, log *slog.Logger) *Reader {
	return &Reader{store: store, captured: captured, log: log}
}

// Run counts until ctx ends (nil). Its error says that TRAFFIC or the stored counters
// can't be read.
func (r *Reader) Run(ctx context.Context) error {
	err := r.run(ctx)
	r.show(nil)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *Reader) run(ctx context.Context) error {
	counters, from, err := r.load(ctx)
	if err != nil {
		return err
	}
	stream, err := r.store.JetStream.Stream(ctx, topology.Traffic)
	if err != nil {
		return fmt.Errorf("count requests: stream %s: %w", topology.Traffic, err)
	}
	last := stream.CachedInfo().State.LastSeq
	for entry, err := range bus.Follow(ctx, r.store.JetStream, topology.Traffic, topology.AllTraffic, from, false) {
		if err != nil {
			return fmt.Errorf("count requests: %w", err)
		}
		traffic, err := event.Decode[event.Traffic](entry.Data)
		if errors.Is(err, event.ErrVersion) {
			return fmt.Errorf("count requests: %w", err)
		}
		if err != nil {
			r.log.Error("an entry of TRAFFIC is damaged and is not counted", "sequence", entry.Seq, "subject", entry.Subject, "error", err)
			continue
		}
		counters.Add(entry.Seq, &traffic)
		if entry.Seq >= last {
			r.keep(ctx, counters)
		}
	}
	return nil
}

func (r *Reader) load(ctx context.Context) (*Counters, uint64, error) {
	entry, err := r.store.State.Get(ctx, topology.RequestsKey(r.store.Epoch))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Load(nil)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the counters of requests: %w", err)
	}
	return Load(entry.Value())
}

// keep stores the counters if they have to be, then shows them. What can't be stored
// now is shown when it can, with the next entry.
func (r *Reader) keep(ctx context.Context, c *Counters) {
	data, err := c.Store()
	if err == nil && data != nil {
		_, err = r.store.State.Put(ctx, topology.RequestsKey(r.store.Epoch), data)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("the counters of requests can't be stored and stand still", "error", err)
		}
		return
	}
	c.Stored()
	r.show(&shown{series: c.Totals(), newest: c.newest, counts: c.counts()})
}

func (r *Reader) show(s *shown) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = s
}

// counts are the rates of the open minutes.
func (c *Counters) counts() map[time.Time]event.Rate {
	all := make(map[time.Time]event.Rate, len(c.open))
	for at, m := range c.open {
		all[at] = m.total
	}
	return all
}

// descriptions are made per use: they are values, cheap next to a scrape.
type descriptions struct{ requests, failed, coverage, counted *prometheus.Desc }

func describe() descriptions {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("faultwire_"+name, help, labels, nil)
	}
	return descriptions{
		requests: desc("requests_total", "All requests in LiteLLM's table by the model that clients call, counted by SQL every minute.", "model"),
		failed:   desc("litellm_failed_requests_total", "Failed ones among them, by the same query.", "model"),
		coverage: desc("coverage_ratio", "Of the failed requests counted in LiteLLM's table in the last hour, those that the log holds."),
		counted:  desc("requests_counted_timestamp_seconds", "End of the last minute whose requests were counted."),
	}
}

// Describe implements prometheus.Collector.
func (r *Reader) Describe(to chan<- *prometheus.Desc) {
	d := describe()
	for _, desc := range []*prometheus.Desc{d.requests, d.failed, d.coverage, d.counted} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (r *Reader) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	s := r.shown
	r.mu.Unlock()
	if s == nil {
		return
	}
	d := describe()
	for _, series := range s.series {
		to <- prometheus.MustNewConstMetric(d.requests, prometheus.CounterValue, float64(series.Requests), series.Model)
		to <- prometheus.MustNewConstMetric(d.failed, prometheus.CounterValue, float64(series.Failed), series.Model)
	}
	to <- prometheus.MustNewConstMetric(d.counted, prometheus.GaugeValue, float64(s.newest.Add(time.Minute).Unix()))
	captured, since := r.captured.Captured()
	if ratio, ok := coverage(s.newest, s.counts, captured, since); ok {
		to <- prometheus.MustNewConstMetric(d.coverage, prometheus.GaugeValue, ratio)
	}
}
