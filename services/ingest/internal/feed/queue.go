package feed

import "sync"

const (
	maxEntries = 4096
	maxBytes   = 16 << 20
)

// Queue hands entries from one goroutine to another, in order. It is bounded by
// number (4,096) and bytes (16 MiB); one entry always fits.
type Queue struct {
	mu      sync.Mutex
	entries []Entry
	bytes   int

	room  chan struct{} // a token: there may be room again
	ready chan struct{} // a token: there may be an entry
}

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	return &Queue{room: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
}

// Push appends e, or returns false when the queue is full: wait for Room then. An
// entry with a Flight counts as handed over.
func (q *Queue) Push(e Entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) > 0 && (len(q.entries) >= maxEntries || q.bytes+e.Size() > maxBytes) {
		return false
	}
	if e.Flight != nil {
		e.Flight.hand()
	}
	q.entries = append(q.entries, e)
	q.bytes += e.Size()
	signal(q.ready)
	return true
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
	signal(q.room)
	return e, true
}

// Room gives a value when Push may succeed again.
func (q *Queue) Room() <-chan struct{} { return q.room }

// Ready gives a value when Pop may succeed.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
