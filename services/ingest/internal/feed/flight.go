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
	abandoned atomic.Bool
	confirmed atomic.Uint64

	// Rewound: the server's log has been set back, behind what we read before: a
	// position we know may be of another row now, and skips nothing.
	Rewound bool
}

// hand counts an entry that was put into the queue.
func (f *Flight) hand() { f.handed.Add(1) }

// Land says that n more entries are durable, and that the server may be told so of
// all before confirm (0 = of no more than before).
func (f *Flight) Land(n int, confirm event.LSN) {
	if confirm > 0 {
		f.confirmed.Store(uint64(confirm))
	}
	f.landed.Add(uint64(n)) // after confirmed: who sees all landed sees the last of it
}

// Abandon says that what is not durable yet shall not become so: whoever follows
// now reads it again.
func (f *Flight) Abandon() { f.abandoned.Store(true) }

// Abandoned reports whether the session has lost its right to write.
func (f *Flight) Abandoned() bool { return f.abandoned.Load() }

// Idle reports whether all that was handed over is durable. The session's own
// goroutine asks.
func (f *Flight) Idle() bool { return f.landed.Load() == f.handed.Load() }

// Confirmed is what the server may be told to be safe; 0 at first.
func (f *Flight) Confirmed() event.LSN { return event.LSN(f.confirmed.Load()) }
