package analyst

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/topology"
)

// maxRequestBatches is how many of the batches it hit a kind's request names.
const maxRequestBatches = 20

// requests lists the kinds of a window that are worth an explanation. Our own
// calls and health checks are not: a failing LLM would ask itself why it fails.
func (a *Analyst) requests(ctx context.Context, w event.Window, sums *stats.Accumulator) ([]event.KindRequest, error) {
	explain, err := a.explain(ctx, w.Run)
	if err != nil || !explain {
		return nil, err
	}
	hits := hits(sums.Batches())
	var requests []event.KindRequest
	for _, kind := range sums.Kinds() {
		if sums.Noise(kind.Fingerprint) {
			continue
		}
		requests = append(requests, event.KindRequest{
			V: event.Version, Kind: kind, Batches: hits[kind.Fingerprint], Prompt: a.config.Prompt, Asked: w.End, WindowRun: w.Run,
		})
	}
	return requests, nil
}

// explain tells whether the kinds of run are to be explained.
func (a *Analyst) explain(ctx context.Context, run string) (bool, error) {
	if !a.config.Explain || run == event.RunLive {
		return a.config.Explain, nil
	}
	last, found, err := bus.Last(ctx, a.store.JetStream, topology.Replays, topology.ReplayEndSubject(run))
	if err != nil || !found {
		return false, err
	}
	end, err := event.Decode[event.ReplayEnd](last.Data)
	if err != nil {
		return false, bus.Permanent(err)
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

func (a *Analyst) request(ctx context.Context, r *event.KindRequest) error {
	data, err := event.Encode(r)
	if err != nil {
		return bus.Permanent(err)
	}
	if _, err := bus.PublishOnce(ctx, a.store.JetStream, topology.KindSubject(r.Kind.Fingerprint, r.Prompt), data); err != nil {
		return fmt.Errorf("ask for the explanation of %s: %w", r.Kind.Fingerprint, err)
	}
	return nil
}
