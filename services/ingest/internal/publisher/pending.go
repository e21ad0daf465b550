package publisher

import (
	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
)

// pending is what is landed together.
type pending struct {
	entries  []feed.Entry
	messages int
	bytes    int
}

func (b *pending) add(e feed.Entry) {
	b.entries = append(b.entries, e)
	if e.IsMessage() {
		b.messages++
		b.bytes += e.Size()
	}
}

// full reports whether the next message might be one too many: a batch may end
// inside a transaction.
func (b *pending) full() bool { return b.messages >= batch.MaxMessages || b.bytes >= batch.MaxBytes }

// whole reports whether nothing is known to follow soon.
func (b *pending) whole() bool {
	if len(b.entries) == 0 {
		return false
	}
	last := &b.entries[len(b.entries)-1]
	return !last.IsFailure()
}

// landed tells each session how far its entries have got.
func (b *pending) landed() {
	for from := 0; from < len(b.entries); {
		flight, to := b.entries[from].Flight, from
		confirm := event.LSN(0)
		for ; to < len(b.entries) && b.entries[to].Flight == flight; to++ {
			confirm = max(confirm, b.entries[to].Confirm)
		}
		if flight != nil {
			flight.Land(to-from, confirm)
		}
		from = to
	}
}

// Message is the form an entry has in the log.
func Message(e *feed.Entry) *nats.Msg {
	m := &nats.Msg{Subject: e.Subject, Data: e.Data, Header: nats.Header{}}
	topology.WriteHeader(m.Header, e.Header)
	return m
}
