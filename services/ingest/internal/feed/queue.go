package feed

import (
	"context"
	"sync"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

const (
	maxEntries = 4096
	maxBytes   = 4 << 20
)

// Queue hands entries from any number of goroutines to one, in order. It is bounded
// by number (4,096) and bytes (4 MiB, and one entry more).
type Queue struct {
	mu      sync.Mutex
	entries []Entry
	bytes   int

	room  lifecycle.Signal
	ready chan struct{} // a token: there may be an entry
}

// NewQueue returns an empty queue.
func NewQueue() *Queue { return &Queue{ready: make(chan struct{}, 1)} }

func (q *Queue) full() bool { return len(q.entries) >= maxEntries || q.bytes >= maxBytes }

// Push appends e, or returns false when the queue is full: wait for Room then.
func (q *Queue) Push(e Entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full() {
		return false
	}
	q.entries = append(q.entries, e)
	q.bytes += e.Size()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// Put is Push that waits for room; the error is that of ctx.
func (q *Queue) Put(ctx context.Context, e Entry) error {
	for !q.Push(e) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-q.Room():
		}
	}
	return nil
}

// Pop takes the first entry, or returns false when there is none: wait for Ready
// then.
func (q *Queue) Pop() (Entry, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) == 0 {
		return Entry{}, false
	}
	e := q.entries[0]
	q.entries[0] = Entry{} // its data can go
	q.entries = q.entries[1:]
	q.bytes -= e.Size()
	if len(q.entries) == 0 {
		q.entries = nil
	}
	if !q.full() {
		q.room.Tell()
	}
	return e, true
}

// Room is closed when Push may succeed again.
func (q *Queue) Room() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := q.room.Wait()
	if !q.full() {
		q.room.Tell()
	}
	return room
}

// Ready gives a value when Pop may succeed.
func (q *Queue) Ready() <-chan struct{} { return q.ready }
