package explainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// loadPending reads what an earlier Run wrote about a kind.
func (e *Explainer) loadPending(ctx context.Context, r event.KindRequest) (event.Pending, error) {
	entry, err := e.store.State.Get(ctx, topology.PendingKey(r.Kind.Fingerprint, r.Prompt))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return event.Pending{}, nil
	}
	if err != nil {
		return event.Pending{}, fmt.Errorf("read when %s is explained: %w", r.Kind.Fingerprint, err)
	}
	return event.Decode[event.Pending](entry.Value())
}

func (e *Explainer) savePending(ctx context.Context, k *kind) error {
	data, err := event.Encode(&k.pending)
	if err != nil {
		return err
	}
	if _, err := e.store.State.Put(ctx, topology.PendingKey(k.request.Kind.Fingerprint, k.request.Prompt), data); err != nil {
		return fmt.Errorf("note when %s is explained: %w", k.request.Kind.Fingerprint, err)
	}
	return nil
}

func (e *Explainer) dropPending(ctx context.Context, r *event.KindRequest) error {
	err := e.store.State.Purge(ctx, topology.PendingKey(r.Kind.Fingerprint, r.Prompt))
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("note that %s is explained: %w", r.Kind.Fingerprint, err)
	}
	return nil
}
