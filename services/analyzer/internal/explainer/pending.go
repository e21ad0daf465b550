package explainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	// sameNote is how far the next time may move before it is worth a write.
	sameNote = time.Minute
	// tombstone is how long the mark of a deleted key stays.
	tombstone = time.Minute
)

// write says in STATE why a kind waits, unless that stands there already.
func (d *desk) write(ctx context.Context, k *kind, why string, isBudget bool) error {
	note := event.Pending{V: event.Version, Why: why, Tries: k.tries, Next: k.next.UTC(), Budget: isBudget}
	moved := note.Next.Sub(k.note.Next)
	if k.note.Why == note.Why && k.note.Tries == note.Tries && k.note.Budget == note.Budget && moved >= 0 && moved < sameNote {
		return nil
	}
	data, err := event.Encode(&note)
	if err != nil {
		return err
	}
	if _, err := d.store.State.Put(ctx, topology.PendingKey(k.fingerprint, event.Prompt), data); err != nil {
		return fmt.Errorf("write why kind %s is not explained: %w", k.fingerprint, err)
	}
	k.note = note
	return nil
}

// recall takes over what an earlier explainer wrote. That the budget was spent is
// found out anew: it may be a larger one now.
func (d *desk) recall(ctx context.Context, k *kind) error {
	entry, err := d.store.State.Get(ctx, topology.PendingKey(k.fingerprint, event.Prompt))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read why kind %s is not explained: %w", k.fingerprint, err)
	}
	note, err := event.Decode[event.Pending](entry.Value())
	if err != nil {
		d.log.Warn("why a kind is not explained can't be read, asking at once", "kind", k.fingerprint, telemetry.ErrorKey, err)
		return nil
	}
	k.note, k.tries = note, note.Tries
	if !note.Budget {
		k.next = note.Next
	}
	return nil
}

// erase removes what was written about a kind.
func (d *desk) erase(ctx context.Context, k *kind) error {
	if k.note.Why == "" {
		return nil
	}
	if err := d.store.State.Purge(ctx, topology.PendingKey(k.fingerprint, event.Prompt), jetstream.PurgeTTL(tombstone)); err != nil {
		return fmt.Errorf("remove why kind %s was not explained: %w", k.fingerprint, err)
	}
	k.note = event.Pending{}
	return nil
}
