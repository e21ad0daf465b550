// Package explainer asks the LLM once for every kind that has no explanation:
// largest first, a few at once, within a budget. It is a priority, not a queue, so
// it keeps its own list; what it must not forget is in the streams KINDS and
// EXPLANATIONS and in the STATE bucket.
package explainer

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

// atOnce is how many calls run at the same time.
const atOnce = 4

// Asker is the LLM.
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
	now     func() time.Time
}

// New returns an explainer whose metrics are in registry.
func New(c config.LLM, store topology.Store, asker Asker, log *slog.Logger, registry prometheus.Registerer) (*Explainer, error) {
	m, err := newMetrics(registry)
	if err != nil {
		return nil, fmt.Errorf("explainer: %w", err)
	}
	return &Explainer{config: c, store: store, asker: asker, log: log, metrics: m, now: time.Now}, nil
}

// Run asks until ctx ends or something but the LLM fails; a later Run goes on with
// what is still without an explanation.
func (e *Explainer) Run(ctx context.Context) error {
	user, err := topology.OwnUser(ctx, e.store.State)
	if err != nil {
		return err
	}
	budget, err := loadBudget(ctx, e.store.State, e.config)
	if err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	r := &round{Explainer: e, user: user, budget: budget, kinds: map[string]*kind{}, news: make(chan event.KindRequest), answers: make(chan answer, atOnce), calls: group}
	group.Go(func() error { return r.follow(inner) })
	group.Go(func() error { return r.loop(inner) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// follow brings every request for an explanation, old ones first.
func (r *round) follow(ctx context.Context) error {
	for entry, err := range bus.Follow(ctx, r.store.JetStream, topology.Kinds, topology.AllKinds, 0, false) {
		if err != nil {
			return err
		}
		request, err := event.Decode[event.KindRequest](entry.Data)
		if err != nil {
			r.log.Error("a request for an explanation is left out", "sequence", entry.Seq, telemetry.ErrorKey, err)
			continue
		}
		if request.Prompt != event.Prompt { // of another version: its explanation would not be looked for
			continue
		}
		select {
		case r.news <- request:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
