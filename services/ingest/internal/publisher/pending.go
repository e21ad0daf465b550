package publisher

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
)

// pending is what is landed together.
type pending struct {
	entries  []feed.Entry
	messages int
	bytes    int
	backlog  bool // of old commits: others follow at once
}

func (b *pending) add(e feed.Entry) {
	b.entries = append(b.entries, e)
	if e.IsMessage() {
		b.messages++
		b.backlog = b.backlog || e.IsFailure() && !e.Read && time.Since(e.Header.Time) > behind
		b.bytes += e.Size()
	}
}

// full reports whether the next message might be one too many: a batch may end
// inside a transaction.
func (b *pending) full() bool { return b.messages >= batch.MaxMessages || b.bytes >= batch.MaxBytes }

// whole reports whether nothing is known to follow soon.
func (b *pending) whole() bool {
	if len(b.entries) == 0 || b.backlog {
		return false
	}
	last := &b.entries[len(b.entries)-1]
	return !last.IsFailure()
}

// landed tells the sessions what their servers may be told.
func (b *pending) landed() {
	for i := range b.entries {
		if e := &b.entries[i]; e.Confirm > 0 && e.Flight != nil {
			e.Flight.Land(e.Confirm)
		}
	}
}

// Message is the form an entry has in the log.
func Message(e *feed.Entry) *nats.Msg {
	m := &nats.Msg{Subject: e.Subject, Data: e.Data, Header: nats.Header{}}
	topology.WriteHeader(m.Header, e.Header)
	return m
}
