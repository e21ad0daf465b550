// Package gap knows what of LiteLLM's table is missing in the log, and whether
// failures are being held back.
package gap

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
)

// State is shared by those who find a gap, name it in heartbeats and fill it. The
// zero value has none.
type State struct {
	holding atomic.Bool // looked at for every row

	mu      sync.Mutex
	open    *event.Gap
	history bool
	held    int
	changed lifecycle.Signal
}

// Open notes that rows committed from from on may be missing. A gap that is open
// grows.
func (s *State) Open(from time.Time, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow(from, why)
	s.changed.Tell()
}

func (s *State) grow(from time.Time, why string) {
	if s.open == nil {
		s.open = &event.Gap{From: from.UTC(), Why: why}
		return
	}
	grown := *s.open
	if from.Before(grown.From) {
		grown.From = from.UTC()
	}
	grown.Why = why
	s.open = &grown
}

// Hold opens a gap and keeps failures out of the log until Release.
func (s *State) Hold(from time.Time, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow(from, why)
	s.held = 0
	s.holding.Store(true)
	s.changed.Tell()
}

// Release lets failures into the log again, and returns how many were held back.
// The gap stays open until it is filled.
func (s *State) Release() (held int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding.Store(false)
	s.changed.Tell()
	return s.held
}

// Holding reports whether failures are held back.
func (s *State) Holding() bool { return s.holding.Load() }

// Held counts a failure that was held back.
func (s *State) Held() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
}

// Filled closes the gap that was, unless it has grown since: was is what Named
// returned before it was filled.
func (s *State) Filled(was *event.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == was && !s.holding.Load() {
		s.open = nil
	}
	s.changed.Tell()
}

// Forget closes the gap unless failures are held back: whoever begins to follow
// finds out anew what is missing, since another may have followed meanwhile.
func (s *State) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holding.Load() {
		s.open, s.history = nil, false
	}
}

// Named is the open gap; nil = none. It is not to be changed.
func (s *State) Named() *event.Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// SetHistory notes whether rows from before the first start are still to be read.
func (s *State) SetHistory(reading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = reading
	s.changed.Tell()
}

// History reports whether they are.
func (s *State) History() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history
}

// Mark puts what is missing into a heartbeat.
func (s *State) Mark(h *event.Heartbeat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Gap, h.History = s.open, s.history
}

// Changed is closed at the next change.
func (s *State) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed.Wait()
}
