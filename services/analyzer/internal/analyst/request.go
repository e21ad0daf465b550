package analyst

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/prompt"
)

// maxRequestBatches is how many of the batches it hit a kind's request names.
const maxRequestBatches = 20

// ask publishes a request for every kind of a window, largest first; those asked
// for before are refused by the stream. Our own calls and health checks are left
// out: a failing LLM would ask itself why it fails.
func (a *Analyst) ask(ctx context.Context, w *event.Window, sums *stats.Accumulator) error {
	wanted, err := a.wanted(ctx, w.Run)
	if err != nil || !wanted {
		return err
	}
	hits := hits(sums.Batches())
	for _, kind := range sums.Kinds() {
		if sums.Noise(kind.Fingerprint) {
			continue
		}
		data, err := event.Encode(prompt.Request(w, &kind, hits[kind.Fingerprint]))
		if err != nil {
			a.log.Error("the explanation of a kind can't be asked for", "kind", kind.Fingerprint, telemetry.ErrorKey, err)
			continue
		}
		if _, err := bus.PublishOnce(ctx, a.store.JetStream, topology.KindSubject(kind.Fingerprint, event.Prompt), data); err != nil {
			return fmt.Errorf("ask for the explanation of %s: %w", kind.Fingerprint, err)
		}
	}
	return nil
}

// wanted tells whether the kinds of run are to be explained.
func (a *Analyst) wanted(ctx context.Context, run string) (bool, error) {
	if !a.config.Explain || run == event.RunLive {
		return a.config.Explain, nil
	}
	last, found, err := bus.Last(ctx, a.store.JetStream, topology.Replays, topology.ReplayEndSubject(run))
	if err != nil || !found { // gone with its rows: nobody waits any more
		return false, err
	}
	end, err := event.Decode[event.ReplayEnd](last.Data)
	if err != nil {
		a.log.Error("the end marker of a replay can't be read, its kinds are not explained", "run", run, telemetry.ErrorKey, err)
		return false, nil
	}
	return !end.Request.NoLLM, nil
}

// hits lists the batches each kind hit, largest first. A batch names its ten
// largest kinds; one that is small everywhere has none.
func hits(batches []event.Batch) map[string][]event.Batch {
	hits := map[string][]event.Batch{}
	for _, b := range batches {
		for _, k := range b.Kinds {
			if len(hits[k.Value]) < maxRequestBatches {
				hits[k.Value] = append(hits[k.Value], b)
			}
		}
	}
	return hits
}
