package lifecycle

// Signal wakes all who wait for a change of something that a lock guards: they take
// Wait under the lock, let go of it, and receive. The zero value is ready; its methods
// are called under that lock.
type Signal struct{ waiting chan struct{} }

// Wait returns a channel that the next Tell closes.
func (s *Signal) Wait() <-chan struct{} {
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}

// Tell wakes all who wait.
func (s *Signal) Tell() {
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}
