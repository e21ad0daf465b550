// Package analyst turns one closed window into its analysis: one scan of the
// log, exact statistics, and a request for every kind that has no explanation.
package analyst

import (
	"context"
	"errors"
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
		return nil, fmt.Errorf("register metrics of the analyst: %w", err)
	}
	return &Analyst{config: config, store: store, log: log, metrics: m}, nil
}

// Handle analyses the window in data. Its order is what makes a crash harmless:
// kinds first, the analysis last, and only then is the window acknowledged; each
// of them is published once. So where the analysis is, the kinds are.
func (a *Analyst) Handle(ctx context.Context, data []byte) error {
	w, err := event.Decode[event.Window](data)
	if errors.Is(err, event.ErrVersion) {
		return err // for a process of that version, or us after the upgrade
	}
	if err != nil {
		return bus.Permanent(err)
	}
	subject := topology.AnalysisSubject(w.Run, w.Epoch, w.Start)
	if _, done, err := bus.Last(ctx, a.store.JetStream, topology.Analyses, subject); err != nil || done {
		return err
	}
	sums, err := a.scan(ctx, &w)
	if err != nil {
		return err
	}
	if err := a.ask(ctx, &w, sums); err != nil {
		return err
	}
	return a.publish(ctx, subject, &w, sums)
}

// scan adds up the live failures of a window. An entry that can't be read is left
// out and counted: the analysis then says that it found fewer than there were.
func (a *Analyst) scan(ctx context.Context, w *event.Window) (*stats.Accumulator, error) {
	sums := stats.New()
	stream, filter := topology.Log(w.Run)
	for entry, err := range bus.Scan(ctx, a.store.JetStream, bus.Range{Stream: stream, Filter: filter, Lo: w.Lo, Hi: w.Hi}) {
		if err != nil {
			return nil, fmt.Errorf("analyse window %s of %s: %w", w.Start, w.Run, err)
		}
		header, err := topology.ReadHeader(entry.Header)
		if err == nil && !header.Live {
			continue // a heartbeat, or history
		}
		var f event.Failure
		if err == nil {
			f, err = event.Decode[event.Failure](entry.Data)
		}
		if err != nil {
			a.metrics.undecodable.Inc()
			a.log.Error("an entry of the log can't be read, not counted", "stream", stream, "sequence", entry.Seq, telemetry.ErrorKey, err)
			continue
		}
		sums.Add(w.Start, &f)
	}
	return sums, nil
}

// publish stores the analysis, or, when it can't be written, why: the window's
// report must not wait for ever.
func (a *Analyst) publish(ctx context.Context, subject string, w *event.Window, sums *stats.Accumulator) error {
	analysis, err := sums.Analysis(*w)
	if err != nil {
		a.log.Error("a window can't be analysed", "run", w.Run, "start", w.Start, telemetry.ErrorKey, err)
		analysis = event.Analysis{V: event.Version, Window: *w, Scanned: sums.Total(), Batches: []event.Batch{}, Kinds: []event.Kind{}, Failed: err.Error()}
	}
	data, err := event.Encode(&analysis)
	if err != nil {
		return bus.Permanent(err)
	}
	first, err := bus.PublishOnce(ctx, a.store.JetStream, subject, data)
	if err != nil {
		return fmt.Errorf("store the analysis of window %s of %s: %w", w.Start, w.Run, err)
	}
	if first {
		a.metrics.observe(&analysis)
		a.log.Debug("window analysed", "run", w.Run, "start", w.Start, "failures", analysis.Scanned, "kinds", sums.Summary().Kinds)
	}
	return nil
}
