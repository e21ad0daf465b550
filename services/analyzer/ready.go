package analyzer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/topology"
)

// standstill is how long the planner may stay where it is while the log has more.
const standstill = 15 * time.Second

// ready is nil while the planner is at the end of the log, or gets on.
func (s *Service) ready(ctx context.Context) error {
	last, found, err := bus.Last(ctx, s.deps.Store.JetStream, topology.Failures, topology.AllFailures)
	if err != nil || !found {
		return err
	}
	return s.progress.look(s.planner.Read(), last.Seq, time.Now())
}

// progress remembers since when the planner has been seen behind, at one place.
type progress struct {
	mu     sync.Mutex
	behind bool
	read   uint64
	since  time.Time
}

// look compares where the planner is with where it was, and with the end of the log.
func (p *progress) look(read, last uint64, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if read >= last {
		p.behind = false
		return nil
	}
	if !p.behind || read != p.read {
		p.behind, p.read, p.since = true, read, now
		return nil
	}
	if still := now.Sub(p.since); still > standstill {
		return fmt.Errorf("the planner stands still at sequence %d of %s for %s, %d before its end", read, topology.Failures, still.Round(time.Second), last-read)
	}
	return nil
}
