package bus

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Entry is a stored message of a stream.
type Entry struct {
	Stream  string
	Seq     uint64 // its sequence in the stream
	Subject string
	Header  nats.Header
	Data    []byte    // empty when only headers were asked for
	Stored  time.Time // the server's clock, UTC
}

func entryOf(m jetstream.Msg) (Entry, *jetstream.MsgMetadata, error) {
	meta, err := m.Metadata()
	if err != nil {
		return Entry{}, nil, fmt.Errorf("read the metadata of a message on %q: %w", m.Subject(), err)
	}
	return Entry{
		Stream:  meta.Stream,
		Seq:     meta.Sequence.Stream,
		Subject: m.Subject(),
		Header:  m.Headers(),
		Data:    m.Data(),
		Stored:  meta.Timestamp.UTC(),
	}, meta, nil
}
