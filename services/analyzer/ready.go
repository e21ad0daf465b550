package analyzer

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/topology"
)

// maxBehind is how many entries of the log the planner may be behind and still
// count as keeping up: heartbeats and rows that came in this moment.
const maxBehind = 10_000

// ready is nil while the planner keeps up with the log.
func (s *Service) ready(ctx context.Context) error {
	stream, err := s.deps.Store.JetStream.Stream(ctx, topology.Failures)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", topology.Failures, err)
	}
	last, read := stream.CachedInfo().State.LastSeq, s.planner.Read()
	if last > read+maxBehind {
		return fmt.Errorf("the planner is %d entries behind the log", last-read)
	}
	return nil
}
