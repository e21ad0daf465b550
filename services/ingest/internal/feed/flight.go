package feed

import (
	"sync/atomic"

	"github.com/faultwire/faultwire/pkg/event"
)

// Flight is what one session has handed over, and how much of it is durable. One
// goroutine reads the session, another lands its entries.
type Flight struct {
	handed    atomic.Uint64
	landed    atomic.Uint64
	confirmed atomic.Uint64

	// Rewound: the server's log has been set back, behind what we read before: a
	// position we know may be of another row now, and skips nothing.
	Rewound bool
}

// hand counts an entry that was put into the queue.
func (f *Flight) hand() { f.handed.Add(1) }

// Land says that n more entries are durable, and with them every transaction that
// ends at or before end (0 = none of them ended).
func (f *Flight) Land(n int, end event.LSN) {
	if end > 0 {
		f.confirmed.Store(uint64(end))
	}
	f.landed.Add(uint64(n)) // after confirmed: who sees all landed sees the last end
}

// Idle reports whether all that was handed over is durable. The session's own
// goroutine asks.
func (f *Flight) Idle() bool { return f.landed.Load() == f.handed.Load() }

// Confirmed is the end of the last transaction that is durable; 0 at first.
func (f *Flight) Confirmed() event.LSN { return event.LSN(f.confirmed.Load()) }
