// Package planner turns the log into the chains of windows and periods that
// analysts and report writers work through. The cutting is pkg/window; this
// package reads, publishes and resumes.
package planner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/pkg/window"
)

// Planner publishes the descriptors of the live log. Any number may run: a
// descriptor is appended at the sequence its chain is expected to end with, and
// whoever was slower reads the chain again.
type Planner struct {
	store   topology.Store
	rules   event.Rules
	log     *slog.Logger
	windows prometheus.Counter

	read atomic.Uint64 // see Read
}

// New returns a planner that cuts by rules from the end of its chains on. Its
// metrics are in registry.
func New(store topology.Store, rules event.Rules, log *slog.Logger, registry prometheus.Registerer) (*Planner, error) {
	p := &Planner{store: store, rules: rules, log: log}
	p.windows = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "faultwire_windows_total", Help: "Windows that this process closed and published, of the live log and of replays.",
	})
	if err := registry.Register(p.windows); err != nil {
		return nil, fmt.Errorf("register metrics of the planner: %w", err)
	}
	return p, nil
}

// Run plans until ctx ends, then it returns nil, or something fails; a later Run
// resumes from the chains.
func (p *Planner) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := p.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if !errors.Is(err, bus.ErrConflict) {
			return err
		}
		p.log.Debug("another planner was faster, reading the chain again", telemetry.ErrorKey, err)
	}
	return nil
}

// Read is the sequence of the log up to which windows and periods are planned.
func (p *Planner) Read() uint64 { return p.read.Load() }

// follow resumes from the chains and plans until ctx ends, the chain is
// continued by somebody else, or something fails.
func (p *Planner) follow(ctx context.Context) error {
	chains, err := readChains(ctx, p.store)
	if err != nil {
		return err
	}
	planner, err := window.Resume(chains.Chain, p.rules, event.RunLive, p.store.Epoch)
	if err != nil {
		return fmt.Errorf("resume the planner: %w", err)
	}
	p.read.Store(max(planner.Next(), 1) - 1)
	for entry, err := range bus.Follow(ctx, p.store.JetStream, topology.Failures, topology.AllFailures, planner.Next(), true) {
		if err != nil {
			return err
		}
		if err := p.step(ctx, planner, chains, entry); err != nil {
			return err
		}
		p.read.Store(entry.Seq)
	}
	return nil
}

// step takes one entry of the log into account and publishes what it closes.
func (p *Planner) step(ctx context.Context, planner *window.Planner, chains *chains, entry bus.Entry) error {
	header, err := topology.ReadHeader(entry.Header)
	if err != nil {
		// Not ours: it can have no place in a window, and must not stop the plan.
		p.log.Error("an entry of the log has no position and time, left out", "sequence", entry.Seq, telemetry.ErrorKey, err)
		return nil
	}
	for _, closed := range planner.Step(window.Entry{Seq: entry.Seq, Header: header}) {
		if err := chains.publish(ctx, closed); err != nil {
			return err
		}
		if w := closed.Window; w != nil {
			p.windows.Inc()
			p.log.Debug("window closed", "start", w.Start, "lo", w.Lo, "hi", w.Hi, "failures", w.N)
		}
	}
	return nil
}
