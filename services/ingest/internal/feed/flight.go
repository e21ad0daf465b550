package feed

import (
	"sync/atomic"

	"github.com/faultwire/faultwire/pkg/event"
)

// Flight joins the entries of one session: one goroutine reads the session, another
// lands its entries.
type Flight struct {
	abandoned atomic.Bool
	confirmed atomic.Uint64

	// Rewound: the server's log has been set back, behind what we read before: a
	// position we know may be of another row now, and says nothing.
	Rewound bool
}

// Land says that the server may be told that all before confirm is safe.
func (f *Flight) Land(confirm event.LSN) { f.confirmed.Store(uint64(confirm)) }

// Abandon says that what is not durable yet shall not become so: whoever follows
// now reads it again.
func (f *Flight) Abandon() { f.abandoned.Store(true) }

// Abandoned reports whether the session has lost its right to write.
func (f *Flight) Abandoned() bool { return f.abandoned.Load() }

// Confirmed is what the server may be told to be safe; 0 at first.
func (f *Flight) Confirmed() event.LSN { return event.LSN(f.confirmed.Load()) }
