// Package lifecycle runs services together: started in order, stopped in order,
// and the first error ends them all.
package lifecycle

import "context"

// Service is something that runs until it is told to stop.
type Service interface {
	// Run blocks. It returns nil when ctx ended it or its work is done, else what
	// went wrong. It returns soon after ctx ends, with nothing left running.
	Run(ctx context.Context) error
}

// ServiceFunc is a function that is a [Service].
type ServiceFunc func(ctx context.Context) error

// Run calls f.
func (f ServiceFunc) Run(ctx context.Context) error { return f(ctx) }
