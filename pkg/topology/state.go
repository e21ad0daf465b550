package topology

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// leaseMarkerAge is how long the server keeps the mark of an expired key, so that
// watchers of a lease see it end.
const leaseMarkerAge = time.Minute

// ensureState makes the STATE bucket if it isn't there, and opens it.
func ensureState(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, State)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: State, Replicas: replicas, LimitMarkerTTL: leaseMarkerAge})
	}
	if errors.Is(err, jetstream.ErrBucketExists) {
		kv, err = js.KeyValue(ctx, State)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", State, err)
	}
	return kv, nil
}
