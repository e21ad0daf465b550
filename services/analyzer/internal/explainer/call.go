package explainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
	"github.com/faultwire/faultwire/services/analyzer/internal/prompt"
)

// Waits between tries to store an answer, doubling.
const (
	firstStore = 100 * time.Millisecond
	mostStore  = 5 * time.Second
)

// call asks about one kind and stores the explanation. Its error is a
// [*llm.CallError], or that of ctx.
func (e *Explainer) call(ctx context.Context, user, fingerprint, message string) error {
	began := time.Now()
	reply, err := e.asker.Ask(ctx, user, prompt.System, message)
	took := time.Since(began)
	var failed *llm.CallError
	switch {
	case errors.As(err, &failed):
		e.metrics.observe(failed.Outcome, took, reply.Usage)
		return failed
	case err != nil:
		return fmt.Errorf("explain kind %s: %w", fingerprint, err)
	}
	e.metrics.observe(outcomeOK, took, reply.Usage)
	explanation := event.Explanation{
		V: event.Version, Fingerprint: fingerprint, Prompt: event.Prompt, Hypothesis: reply.Hypothesis, Advice: reply.Advice,
		Model: reply.Model, At: time.Now().UTC(), InputTokens: reply.Usage.Input, OutputTokens: reply.Usage.Output,
	}
	if err := e.save(ctx, &explanation); err != nil {
		return fmt.Errorf("store the explanation of kind %s: %w", fingerprint, err)
	}
	e.log.Info("kind explained", "kind", fingerprint, "model", explanation.Model, "took", took.Round(time.Millisecond))
	return nil
}

// save tries until ctx ends: the answer has been paid for. One that is stored
// already stays.
func (e *Explainer) save(ctx context.Context, explanation *event.Explanation) error {
	data, err := event.Encode(explanation)
	if err != nil {
		return err
	}
	for wait := firstStore; ; wait = min(2*wait, mostStore) {
		_, err := bus.PublishOnce(ctx, e.store.JetStream, topology.ExplanationSubject(explanation.Fingerprint, explanation.Prompt), data)
		if err == nil {
			return nil
		}
		e.log.Debug("explanation not stored, trying again", telemetry.ErrorKey, err)
		if !lifecycle.Pause(ctx, wait) {
			return errors.Join(ctx.Err(), err)
		}
	}
}
