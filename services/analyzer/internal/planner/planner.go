// Package planner turns the log into the chains of windows and periods that
// analysts and report writers work through. The cutting is pkg/window; this
// package reads, publishes and resumes.
package planner

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

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
	store topology.Store
	rules event.Rules
	log   *slog.Logger

	read atomic.Uint64 // last sequence of the log that was taken into account
}

// New returns a planner that cuts by rules from the end of its chains on.
func New(store topology.Store, rules event.Rules, log *slog.Logger) *Planner {
	return &Planner{store: store, rules: rules, log: log}
}

// Read is the sequence of the log up to which windows and periods are planned.
func (p *Planner) Read() uint64 { return p.read.Load() }

// Run plans until ctx ends or something fails; a later Run resumes from the chains.
func (p *Planner) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := p.follow(ctx)
		if !errors.Is(err, bus.ErrConflict) {
			return err
		}
		p.log.Debug("another planner was faster, reading the chain again", telemetry.ErrorKey, err)
	}
	return nil
}

// follow resumes from the chains and plans until ctx ends, the chain is
// continued by somebody else, or something fails.
func (p *Planner) follow(ctx context.Context) error {
	chains, err := readChains(ctx, p.store)
	if err != nil {
		return err
	}
	planner, err := window.Resume(chains.Chain, p.rules, event.RunLive, p.store.Epoch)
	if err != nil {
		return err
	}
	for entry, err := range bus.Follow(ctx, p.store.JetStream, topology.Failures, topology.AllFailures, planner.Next(), true) {
		if err != nil {
			return err
		}
		header, err := topology.ReadHeader(entry.Header)
		if err != nil {
			// Not ours: it can have no place in a window, and must not stop the plan.
			p.log.Error("an entry of the log has no position and time, left out", "sequence", entry.Seq, telemetry.ErrorKey, err)
			continue
		}
		for _, closed := range planner.Step(window.Entry{Seq: entry.Seq, Header: header}) {
			if err := chains.publish(ctx, closed); err != nil {
				return err
			}
		}
		p.read.Store(entry.Seq)
	}
	return nil
}
