// Package explainer asks the LLM about kinds of errors that have no explanation:
// the largest first, a few at once, within a budget. It is late, apart from the
// numbers, and may fail. What it must not forget is in the streams KINDS and
// EXPLANATIONS and in the STATE bucket.
package explainer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

// maxCalls is how many calls run at the same time.
const maxCalls = 4

// Asker is the LLM. Its error is a [*llm.CallError] unless ctx ended.
type Asker interface {
	Ask(ctx context.Context, user, system, message string) (llm.Reply, error)
}

// Explainer is active in one process at a time: its caller holds the lease.
type Explainer struct {
	config  config.LLM
	store   topology.Store
	asker   Asker
	log     *slog.Logger
	metrics *metrics
}

// New returns an explainer that makes calls_per_hour and calls_per_day calls, and
// whose metrics are in registry.
func New(c config.LLM, store topology.Store, asker Asker, log *slog.Logger, registry prometheus.Registerer) (*Explainer, error) {
	m, err := newMetrics(registry)
	if err != nil {
		return nil, fmt.Errorf("register metrics of the explainer: %w", err)
	}
	return &Explainer{config: c, store: store, asker: asker, log: log, metrics: m}, nil
}

// Run explains until ctx ends, then it returns nil, or something but the LLM fails;
// a later Run resumes from what is stored. When it returns, no call is under way.
func (e *Explainer) Run(ctx context.Context) error {
	err := e.run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (e *Explainer) run(ctx context.Context) error {
	defer e.metrics.show(nil)
	d, err := e.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer d.running.Wait()
	defer cancel()
	return d.work(ctx)
}
