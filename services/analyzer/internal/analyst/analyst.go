// Package analyst turns one closed window into its analysis: one scan of the
// log, exact statistics, and a request for every kind that has no explanation.
package analyst

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Config is what an analyst needs to know of the settings.
type Config struct {
	// Explain asks for explanations of kinds: llm.enabled.
	Explain bool
	// Prompt is the id of the prompt explanations are asked with ("p1-en").
	Prompt string
}

// Analyst works on windows, one at a time. Any number may run.
type Analyst struct {
	config  Config
	store   topology.Store
	log     *slog.Logger
	metrics *metrics
}

// New returns an analyst whose metrics are in registry.
func New(config Config, store topology.Store, log *slog.Logger, registry prometheus.Registerer) (*Analyst, error) {
	m, err := newMetrics(registry)
	if err != nil {
		return nil, fmt.Errorf("analyst: %w", err)
	}
	return &Analyst{config: config, store: store, log: log, metrics: m}, nil
}

// Handle analyses the window in data. Its order is what makes a crash harmless:
// kinds first, the analysis last, and only then is the window acknowledged; each
// of them is published once.
func (a *Analyst) Handle(ctx context.Context, data []byte) error {
	w, err := event.Decode[event.Window](data)
	if err != nil {
		return bus.Permanent(err)
	}
	subject := topology.AnalysisSubject(w.Run, w.Epoch, w.Start)
	if _, done, err := bus.Last(ctx, a.store.JetStream, topology.Analyses, subject); err != nil || done {
		return err
	}
	analysis, requests, err := a.analyse(ctx, w)
	if err != nil {
		return err
	}
	for i := range requests {
		if err := a.request(ctx, &requests[i]); err != nil {
			return err
		}
	}
	return a.publish(ctx, subject, &analysis)
}

// publish stores the analysis, or, when it can't be written at all, why: the
// window's report must not wait for ever.
func (a *Analyst) publish(ctx context.Context, subject string, analysis *event.Analysis) error {
	data, err := event.Encode(analysis)
	if err != nil {
		return bus.Permanent(err)
	}
	first, err := bus.PublishOnce(ctx, a.store.JetStream, subject, data)
	if err != nil {
		return err
	}
	if first {
		a.metrics.observe(analysis)
		a.log.Debug("window analysed", "run", analysis.Window.Run, "start", analysis.Window.Start, "failures", analysis.Scanned, "kinds", len(analysis.Kinds))
	}
	return nil
}

// analyse scans the window and returns its statistics and the kinds to explain.
func (a *Analyst) analyse(ctx context.Context, w event.Window) (event.Analysis, []event.KindRequest, error) {
	sums, skipped := stats.New(), 0
	stream, filter := topology.Log(w.Run)
	for entry, err := range bus.Scan(ctx, a.store.JetStream, bus.Range{Stream: stream, Filter: filter, Lo: w.Lo, Hi: w.Hi}) {
		if err != nil {
			return event.Analysis{}, nil, err
		}
		if entry.Header.Get(topology.LiveHeader) == "" {
			continue // a heartbeat, or history
		}
		f, err := event.Decode[event.Failure](entry.Data)
		if err != nil {
			skipped++
			a.log.Error("an entry of the log is not counted", "stream", stream, "sequence", entry.Seq, telemetry.ErrorKey, err)
			continue
		}
		sums.Add(w.Start, &f)
	}
	a.metrics.undecodable.Add(float64(skipped))
	analysis, err := sums.Analysis(w)
	if err != nil {
		analysis = event.Analysis{V: event.Version, Window: w, Scanned: sums.Total(), Failed: err.Error()}
	}
	requests, err := a.requests(ctx, w, sums)
	return analysis, requests, err
}
