package topology

import (
	"context"
	"fmt"
)

// TakeOver frees what a process that was killed still holds: its leases, and the
// messages it had in work, which would be given to others only after [AckWait]. It
// is for who knows that no other process is there, as with an embedded server whose
// folder is locked; else two would do the same work at once.
func TakeOver(ctx context.Context, s Store) error {
	keys, err := s.State.ListKeysFiltered(ctx, allLeases)
	if err != nil {
		return fmt.Errorf("free the leases of an earlier process: %w", err)
	}
	for key := range keys.Keys() {
		if err := s.State.Purge(ctx, key); err != nil {
			return fmt.Errorf("free lease %s of an earlier process: %w", key, err)
		}
	}
	for stream, config := range consumers() {
		if _, err := s.JetStream.ResetConsumer(ctx, stream, config.Durable); err != nil {
			return fmt.Errorf("take over what consumer %s of an earlier process had in work: %w", config.Durable, err)
		}
	}
	return nil
}
