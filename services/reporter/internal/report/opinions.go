package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/render"
)

// llmOff says why nobody is asked for explanations; "" when somebody is.
func (w *Writer) llmOff(j *job) string {
	switch c := w.config.LLM; {
	case j.replay != nil && j.replay.Request.NoLLM:
		return "LLM off: this replay was asked for without it (--no-llm); the numbers need none."
	case c.Enabled:
		return ""
	case c.URL != "":
		return "LLM off: llm.enabled (FAULTWIRE_LLM_ENABLED) is false; the numbers need none."
	}
	return "LLM off: for hypotheses and advice set llm.url (FAULTWIRE_LLM_URL) and llm.model (FAULTWIRE_LLM_MODEL); the numbers need none."
}

// readOpinions looks up what the LLM says of each kind of the report. settled is
// false while a kind that is shown may still get an explanation.
func (w *Writer) readOpinions(ctx context.Context, j *job) (settled bool, err error) {
	if j.opinions == nil {
		j.opinions = map[string]render.Opinion{}
	}
	if j.stats == nil {
		return true, nil
	}
	kinds, settled := j.stats.Kinds(), true
	shown := render.Detailed(len(kinds))
	for i := range kinds {
		fingerprint := kinds[i].Fingerprint
		if j.stats.Noise(fingerprint) || j.opinions[fingerprint].Explanation != nil {
			continue
		}
		opinion, final, err := w.readOpinion(ctx, fingerprint)
		if err != nil {
			return false, err
		}
		j.opinions[fingerprint] = opinion
		settled = settled && (final || i >= shown)
	}
	return settled, nil
}

func (w *Writer) readOpinion(ctx context.Context, fingerprint string) (opinion render.Opinion, final bool, err error) {
	entry, found, err := bus.Last(ctx, w.store.JetStream, topology.Explanations, topology.ExplanationSubject(fingerprint, event.Prompt))
	if err != nil {
		return opinion, false, err
	}
	if found {
		explanation, err := event.Decode[event.Explanation](entry.Data)
		if err != nil {
			return opinion, false, err
		}
		opinion.Explanation = &explanation
		return opinion, true, nil
	}
	opinion.Pending = fmt.Sprintf("no answer within llm.timeout (%s)", w.config.LLM.Timeout.Round(time.Second))
	value, err := w.store.State.Get(ctx, topology.PendingKey(fingerprint, event.Prompt))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return opinion, false, nil
	}
	if err != nil {
		return opinion, false, fmt.Errorf("read why kind %s is not explained: %w", fingerprint, err)
	}
	pending, err := event.Decode[event.Pending](value.Value())
	if err != nil {
		return opinion, false, err
	}
	opinion.Pending, opinion.Next = pending.Why, pending.Next
	if pending.Budget {
		opinion.Pending = "budget: " + pending.Why
	}
	return opinion, pending.Budget, nil
}

// unexplained counts the kinds that should have an explanation and don't.
func (j *job) unexplained() (n int) {
	for _, opinion := range j.opinions {
		if opinion.Explanation == nil {
			n++
		}
	}
	return n
}
