package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// lastDay is what a first start reads: 24 hours.
const lastDay = 1

// LastDay asks for a replay of the last 24 hours when the log is empty, as at the
// very first start, and returns its run; "" when the log was begun before. It comes
// before [Pipeline.Run], which begins the log.
//
// The replay doesn't wait for the LLM, and asks it nothing: the budget is for what
// fails from now on.
func (p *Pipeline) LastDay(ctx context.Context, now time.Time) (run string, err error) {
	stream, err := p.store.JetStream.Stream(ctx, topology.Failures)
	if err != nil {
		return "", fmt.Errorf("look at stream %s: %w", topology.Failures, err)
	}
	if stream.CachedInfo().State.LastSeq > 0 {
		return "", nil
	}
	// One life of the log has one: whoever is killed here finds it asked for.
	run = "first-" + p.store.Epoch
	return run, p.Request(ctx, event.ReplayRequest{
		V: event.Version, ID: run, Asked: now.UTC(), NoLLM: true, Query: event.Query{Days: lastDay, TimeFilter: true},
	})
}

// Request asks for a replay. One that was asked for before, by its id, is not made
// again.
func (p *Pipeline) Request(ctx context.Context, r event.ReplayRequest) error {
	data, err := event.Encode(&r)
	if err != nil {
		return err
	}
	_, err = bus.PublishOnce(ctx, p.store.JetStream, topology.RequestSubject(r.ID), data)
	return err
}

// Forget drops what earlier replays left undone. It is for a pipeline that makes
// replays alone: what was interrupted there is asked for again by whoever still
// wants it. Explanations and the budget of the LLM stay.
func (p *Pipeline) Forget(ctx context.Context) error {
	for _, name := range []string{topology.Requests, topology.Replays, topology.Windows, topology.Periods} {
		stream, err := p.store.JetStream.Stream(ctx, name)
		if err == nil {
			err = stream.Purge(ctx)
		}
		if err != nil {
			return fmt.Errorf("forget earlier replays: stream %s: %w", name, err)
		}
	}
	return nil
}

// Outcomes calls take for the last outcome of a run, if there is one, and for each
// that follows, until ctx ends or take returns false. Outcomes of one run that come
// faster than they are taken may be skipped.
func (p *Pipeline) Outcomes(ctx context.Context, run string, take func(*event.Outcome) bool) error {
	watcher, err := p.store.State.Watch(ctx, topology.OutcomeKey(run))
	if err != nil {
		return fmt.Errorf("watch the reports of run %s: %w", run, err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, open := <-watcher.Updates():
			if !open {
				return ctx.Err()
			}
			if entry == nil || entry.Operation() != jetstream.KeyValuePut { // nil: all that was there has come
				continue
			}
			outcome, err := event.Decode[event.Outcome](entry.Value())
			if err != nil {
				return fmt.Errorf("read the outcome of run %s: %w", run, err)
			}
			if !take(&outcome) {
				return nil
			}
		}
	}
}

// Await waits for the outcome of a replay.
func (p *Pipeline) Await(ctx context.Context, run string) (outcome event.Outcome, err error) {
	err = p.Outcomes(ctx, run, func(o *event.Outcome) bool {
		outcome = *o
		return false
	})
	return outcome, err
}

// Rows is how many rows of a replay are in NATS.
func (p *Pipeline) Rows(ctx context.Context, run string) (uint64, error) {
	name, subject := topology.Log(run)
	stream, err := p.store.JetStream.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", name, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", name, err)
	}
	return info.State.Subjects[subject], nil
}
