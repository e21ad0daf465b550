// Package feed is the bounded way from a reader of PostgreSQL to the publisher
// of the log.
package feed

import (
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// Entry is one step of the feed: a message for the log, or only the news that a
// transaction has ended.
type Entry struct {
	Subject string // "" = no message
	Header  event.Header
	Data    []byte

	// Of a failure.
	Started time.Time // startTime: under which hour its id is kept
	Ended   time.Time // endTime
	// Estimated: the commit time is not the database's, and so tells nothing of
	// delays.
	Estimated bool

	// End is the LSN behind a transaction that this entry completes: once
	// everything up to here is durable, the server may be told so. 0 = none.
	End event.LSN
	// Skipped is how many failures before this entry were passed over because the log
	// holds them.
	Skipped int
	// Flight is the session the entry was read in.
	Flight *Flight
}

// IsFailure tells a failure from a heartbeat and from the end of a transaction.
func (e *Entry) IsFailure() bool { return e.Header.ID != event.ID{} }

// IsMessage reports whether something of the entry goes into the log.
func (e *Entry) IsMessage() bool { return e.Subject != "" }

// overhead is what an entry takes besides its data, roughly.
const overhead = 256

// Size is what the entry takes of memory, in bytes, roughly.
func (e *Entry) Size() int { return len(e.Data) + overhead }
