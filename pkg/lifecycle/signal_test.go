package lifecycle_test

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

// TestSignal: each Tell wakes those who wait by then, and nobody who comes later.
func TestSignal(t *testing.T) {
	t.Parallel()
	var s lifecycle.Signal
	told := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	s.Tell() // nobody waits
	first, same := s.Wait(), s.Wait()
	if told(first) {
		t.Error("woken by what was told before")
	}
	s.Tell()
	later := s.Wait()
	if !told(first) || !told(same) || told(later) {
		t.Errorf("woken: %v, %v, later %v", told(first), told(same), told(later))
	}
}
