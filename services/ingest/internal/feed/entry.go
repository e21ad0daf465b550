// Package feed is the bounded way from a reader of PostgreSQL to the publisher
// of the log.
package feed

import (
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Entry is one step of the feed: a message for the log, or only the news that a
// transaction has ended.
type Entry struct {
	Subject string // "" = no message
	Header  event.Header
	Data    []byte
	// Beat is the heartbeat that the message is.
	Beat *event.Heartbeat
	// Read: the row, or what the heartbeat vouches for, was read by SQL: it has no
	// position of its own, and takes that of the entry before it.
	Read bool

	// Of a failure.
	Started time.Time // startTime: under which hour its id is kept
	Ended   time.Time // endTime
	// Estimated: the commit time is not the database's, and so tells nothing of
	// delays.
	Estimated bool

	// Cut: the row doesn't travel in full, for there are too many of its kind.
	Cut bool

	// Confirm is what the server may be told to be safe once this entry is durable,
	// and so everything before it. 0 = nothing.
	Confirm event.LSN
	// Flight is the session the entry was read in.
	Flight *Flight
}

// NewHeartbeat makes the message of a heartbeat.
func NewHeartbeat(h event.Heartbeat) (Entry, error) {
	data, err := event.Encode(&h)
	if err != nil {
		return Entry{}, fmt.Errorf("encode a heartbeat: %w", err)
	}
	return Entry{
		Subject: topology.HeartbeatSubject, Data: data, Beat: &h, Read: h.Position.System == "",
		Header: event.Header{Position: h.Position, Time: h.Watermark, Gap: h.Gap != nil},
	}, nil
}

// IsFailure tells a failure from a heartbeat and from the end of a transaction.
func (e *Entry) IsFailure() bool { return e.Header.ID != event.ID{} }

// IsMessage reports whether something of the entry goes into the log.
func (e *Entry) IsMessage() bool { return e.Subject != "" }

// overhead is what an entry takes besides its data, roughly.
const overhead = 256

// Size is what the entry takes of memory, in bytes, roughly.
func (e *Entry) Size() int { return len(e.Data) + overhead }
