package bus

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata that a received message has besides the headers of its writer.
const (
	ownPrefix  = "faultwire-entry-"
	seqKey     = ownPrefix + "seq"
	storedKey  = ownPrefix + "stored"
	subjectKey = ownPrefix + "subject"

	serverPrefix = "Nats-" // headers that tell the server what to do when a message is published
)

func isOwnKey(key string) bool { return strings.HasPrefix(key, ownPrefix) }

// Seq is the sequence of a received message in its stream, 0 for others.
func Seq(m *message.Message) uint64 {
	seq, err := strconv.ParseUint(m.Metadata.Get(seqKey), 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// Stored is when the server stored a received message, UTC; zero for others.
func Stored(m *message.Message) time.Time {
	at, err := time.Parse(time.RFC3339Nano, m.Metadata.Get(storedKey))
	if err != nil {
		return time.Time{}
	}
	return at
}

// Subject is the subject of a received message, "" for others.
func Subject(m *message.Message) string { return m.Metadata.Get(subjectKey) }

// delivery is one delivery of a message to a handler. It travels in the message's
// context, so that the router's middleware can say what becomes of it: that is set
// before the nack and read after it.
type delivery struct {
	msg   jetstream.Msg
	entry Entry
	meta  *jetstream.MsgMetadata

	again time.Duration // deliver again after this
	dead  string        // never again, and why
}

type deliveryKey struct{}

func deliveryOf(ctx context.Context) *delivery {
	d, _ := ctx.Value(deliveryKey{}).(*delivery) // nil from another subscriber
	return d
}

func newDelivery(m jetstream.Msg) (*delivery, error) {
	entry, meta, err := entryOf(m)
	if err != nil {
		return nil, err
	}
	return &delivery{msg: m, entry: entry, meta: meta}, nil
}

// message is the delivery as Watermill wants it. Of a header with several values
// the first counts.
func (d *delivery) message(ctx context.Context) *message.Message {
	uuid := d.entry.Header.Get(jetstream.MsgIDHeader)
	if uuid == "" {
		uuid = d.entry.Stream + "/" + strconv.FormatUint(d.entry.Seq, 10)
	}
	m := message.NewMessageWithContext(context.WithValue(ctx, deliveryKey{}, d), uuid, d.entry.Data)
	for key, values := range d.entry.Header {
		if len(values) > 0 && !strings.HasPrefix(key, serverPrefix) {
			m.Metadata.Set(key, values[0])
		}
	}
	m.Metadata.Set(seqKey, strconv.FormatUint(d.entry.Seq, 10))
	m.Metadata.Set(storedKey, d.entry.Stored.Format(time.RFC3339Nano))
	m.Metadata.Set(subjectKey, d.entry.Subject)
	return m
}
