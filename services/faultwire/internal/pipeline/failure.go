package pipeline

import (
	"context"
	"sync"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

// failure keeps the first error of a service as it was, without the name that the
// group puts before it: what a person reads begins with the subject.
type failure struct {
	mu    sync.Mutex
	first error
}

func (f *failure) note(s lifecycle.Service) lifecycle.Service {
	return lifecycle.ServiceFunc(func(ctx context.Context) error {
		err := s.Run(ctx)
		if err != nil && ctx.Err() == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.first == nil {
				f.first = err
			}
		}
		return err
	})
}

// own returns the error of a service for the group's.
func (f *failure) own(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.first != nil {
		return f.first
	}
	return err
}
