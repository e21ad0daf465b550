package explainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
	"github.com/faultwire/faultwire/services/analyzer/internal/prompt"
)

// dispatch starts as many calls as may run now, for the largest kinds that are due.
func (d *desk) dispatch(ctx context.Context, now time.Time) error {
	for {
		if d.endpoint.isBlocked(now) {
			return d.postpone(ctx, now, d.endpoint.blocked, d.endpoint.why, false)
		}
		k := d.kinds.largestDue(now)
		if k == nil || d.calls >= d.endpoint.calls() {
			return nil
		}
		message, err := d.prepare(ctx, k)
		if err != nil {
			return err
		}
		if message == "" {
			continue
		}
		why, until, err := d.budget.spend(ctx, now)
		if err != nil {
			return err
		}
		if why != "" {
			d.log.Info("budget of LLM calls is spent", "why", why, "until", until)
			return d.postpone(ctx, now, until, why, true)
		}
		k.asking = true
		d.calls++
		d.running.Go(func() { d.results <- result{k, d.call(ctx, d.user, k.fingerprint, message)} })
	}
}

// postpone lets all kinds that are due wait, and says why.
func (d *desk) postpone(ctx context.Context, now, until time.Time, why string, isBudget bool) error {
	for _, k := range d.kinds {
		if !k.due(now) {
			continue
		}
		k.next = until
		if err := d.write(ctx, k, why, isBudget); err != nil {
			return err
		}
	}
	return nil
}

// prepare returns the message that asks about a kind, or "" when there is nothing
// to ask: somebody did meanwhile, or the request has gone.
func (d *desk) prepare(ctx context.Context, k *kind) (string, error) {
	answer, found, err := bus.Last(ctx, d.store.JetStream, topology.Explanations, topology.ExplanationSubject(k.fingerprint, event.Prompt))
	if err != nil {
		return "", err
	}
	if found {
		d.settle(k, answer.Stored)
		return "", d.erase(ctx, k)
	}
	delete(d.explained, k.fingerprint)
	message, err := d.message(ctx, k)
	if err != nil && !errors.Is(err, errUnusable) {
		return "", err
	}
	if err != nil {
		d.log.Error("a kind can't be explained", "kind", k.fingerprint, telemetry.ErrorKey, err)
		delete(d.kinds, k.fingerprint)
	}
	return message, nil
}

func (d *desk) message(ctx context.Context, k *kind) (string, error) {
	stream, err := d.store.JetStream.Stream(ctx, topology.Kinds)
	if err != nil {
		return "", fmt.Errorf("read stream %s: %w", topology.Kinds, err)
	}
	stored, err := stream.GetMsg(ctx, k.seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", fmt.Errorf("%w: its request is gone", errUnusable)
	}
	if err != nil {
		return "", fmt.Errorf("read the request for kind %s: %w", k.fingerprint, err)
	}
	r, err := event.Decode[event.KindRequest](stored.Data)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnusable, err)
	}
	message, err := prompt.User(&r)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnusable, err)
	}
	return message, nil
}

// result is what became of a call.
type result struct {
	kind *kind
	err  error // nil = the explanation is stored
}

// finish takes note of a result.
func (d *desk) finish(ctx context.Context, r result) error {
	k, now := r.kind, time.Now()
	d.calls--
	k.asking = false
	var call *llm.CallError
	switch {
	case r.err == nil:
		d.endpoint.answered()
		d.warned = ""
		if now.Before(k.asked) { // the server's clock is ahead of ours
			now = k.asked
		}
		d.settle(k, now)
		return d.erase(ctx, k)
	case !errors.As(r.err, &call):
		return r.err
	}
	k.tries++
	k.next = now.Add(backoff(k.tries, call.RetryAfter))
	if call.Endpoint {
		d.endpoint.failed(call.Why, k.next)
	} else {
		d.endpoint.answered()
	}
	d.warn(k, call)
	return d.write(ctx, k, call.Why, false)
}

// warn logs a failure, once while it stays the same.
func (d *desk) warn(k *kind, call *llm.CallError) {
	log := d.log.Warn
	if call.Why == d.warned {
		log = d.log.Debug
	}
	d.warned = call.Why
	log("the LLM did not explain a kind", "kind", k.fingerprint, telemetry.ErrorKey, call, "tries", k.tries, "next", k.next.UTC())
}
