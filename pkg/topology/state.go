package topology

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// markerAge is how long the server keeps the mark of a key that expired. Setting it
// is also what lets a key be purged with a TTL (the explainer's notes), so that a
// purged one leaves nothing behind.
const markerAge = time.Minute

// ensureState makes the STATE bucket if it isn't there, and opens it.
func ensureState(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, State)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: State, Replicas: replicas, LimitMarkerTTL: markerAge})
	}
	if errors.Is(err, jetstream.ErrBucketExists) {
		kv, err = js.KeyValue(ctx, State)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", State, err)
	}
	return kv, nil
}
