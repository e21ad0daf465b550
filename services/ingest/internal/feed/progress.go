package feed

import (
	"context"
	"sync"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
)

// Progress is how far a session has received its log: everything that was committed
// before that has been handed over. Who reads the table by SQL waits for it.
type Progress struct {
	mu      sync.Mutex
	lsn     event.LSN
	waiting int
	moved   lifecycle.Signal
}

// Set moves it on.
func (p *Progress) Set(lsn event.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lsn = max(p.lsn, lsn)
	p.moved.Tell()
}

// At is how far that is.
func (p *Progress) At() event.LSN {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lsn
}

// Wanted reports whether somebody waits: the server should be asked where it is.
func (p *Progress) Wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting > 0
}

// Wait waits until lsn has been reached; the error is that of ctx.
func (p *Progress) Wait(ctx context.Context, lsn event.LSN) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	defer func() { p.waiting-- }()
	for p.lsn < lsn {
		moved := p.moved.Wait()
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-moved:
		}
		p.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
