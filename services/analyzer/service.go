// Package analyzer plans windows and periods, analyses windows, and has kinds of
// errors explained. Any number of processes may run it.
package analyzer

import (
	"context"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/analyst"
	"github.com/faultwire/faultwire/services/analyzer/internal/explainer"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
	"github.com/faultwire/faultwire/services/analyzer/internal/planner"
)

const (
	explainerTTL = 15 * time.Second
	// stopTimeout is for the window under work.
	stopTimeout = 8 * time.Second
)

// Deps is what the analyzer works with.
type Deps struct {
	Store      topology.Store
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Ready      *telemetry.Readiness
}

// Service is the analyzer. It is a [lifecycle.Service].
type Service struct {
	config    Config
	deps      Deps
	planner   *planner.Planner
	analyst   *analyst.Analyst
	explainer *explainer.Explainer // nil when the LLM is off
	client    *llm.Client
	progress  progress
}

// New checks the settings and registers metrics and the readiness check
// "analyzer".
func New(c Config, d Deps) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Service{config: c, deps: d}
	var err error
	if s.planner, err = planner.New(d.Store, c.rules(), d.Log, d.Registerer); err != nil {
		return nil, err
	}
	if s.analyst, err = analyst.New(analyst.Config{Explain: c.LLM.Enabled}, d.Store, d.Log, d.Registerer); err != nil {
		return nil, err
	}
	if c.LLM.Enabled {
		s.client = llm.New(c.LLM)
		if s.explainer, err = explainer.New(c.LLM, d.Store, s.client, d.Log, d.Registerer); err != nil {
			return nil, err
		}
	}
	d.Ready.Add("analyzer", s.ready)
	return s, nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	group := lifecycle.NewGroup(s.deps.Log, stopTimeout)
	group.Add("planner", lifecycle.Restarting(s.deps.Log, "planning", s.planner.Run))
	group.Add("analyst", lifecycle.ServiceFunc(s.handle))
	if s.explainer != nil {
		defer s.client.Close()
		group.Add("explainer", lifecycle.Restarting(s.deps.Log, "explaining", func(ctx context.Context) error {
			return bus.Hold(ctx, s.deps.Store.State, "explainer", bus.Holder(), explainerTTL, s.deps.Log, s.explainer.Run)
		}))
	}
	return group.Run(ctx)
}

// handle feeds analyst and planner with what comes one message at a time.
func (s *Service) handle(ctx context.Context) error {
	router, err := bus.NewRouter(bus.RouterConfig{Log: s.deps.Log, Registerer: s.deps.Registerer, JetStream: s.deps.Store.JetStream})
	if err != nil {
		return err
	}
	subscriber := bus.NewSubscriber(s.deps.Store.JetStream, bus.SubscriberConfig{Log: s.deps.Log})
	add := func(stream, consumer string, handle func(context.Context, []byte) error) {
		router.AddConsumerHandler(consumer, bus.Topic(stream, consumer), subscriber, func(m *message.Message) error {
			return handle(m.Context(), m.Payload)
		})
	}
	add(topology.Windows, topology.Analyst, s.analyst.Handle)
	add(topology.Replays, topology.ReplayPlanner, s.planner.Replay)
	return bus.Run(ctx, router, subscriber)
}
