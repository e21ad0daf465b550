package topology

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// OwnUser is the "user" of our own calls to the LLM, which LiteLLM writes into
// column end_user: "faultwire-" and the random tag of this installation, chosen by
// who asks first. A fixed one would let any client pass its failures off as ours.
func OwnUser(ctx context.Context, state jetstream.KeyValue) (string, error) {
	_, err := state.Create(ctx, InstallKey, []byte(rand.Text()))
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return "", fmt.Errorf("choose the tag of this installation: %w", err)
	}
	entry, err := state.Get(ctx, InstallKey)
	if err != nil {
		return "", fmt.Errorf("read the tag of this installation: %w", err)
	}
	return "faultwire-" + string(entry.Value()), nil
}
