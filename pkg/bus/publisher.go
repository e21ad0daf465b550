package bus

import (
	"fmt"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publisher is Watermill's publisher: a topic is a subject, metadata are headers,
// the UUID is the Nats-Msg-Id that the stream's duplicate window looks at.
type Publisher struct {
	js     jetstream.JetStream
	closed atomic.Bool
}

// NewPublisher makes a publisher on a connection that stays the caller's.
func NewPublisher(js jetstream.JetStream) *Publisher { return &Publisher{js: js} }

// Publish stores messages one after the other and returns when the last one is
// acknowledged, or at the first error; a message's context (at most 5 s when it has
// no deadline) bounds its publishing. After an error it is unknown whether that
// message was stored: publish it again, with the same UUID.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if p.closed.Load() {
			return fmt.Errorf("publish on %s: %w", topic, ErrClosed)
		}
		out := nats.NewMsg(topic)
		out.Data = m.Payload
		for key, value := range m.Metadata {
			if !isOwnKey(key) {
				out.Header.Set(key, value)
			}
		}
		if m.UUID != "" {
			out.Header.Set(jetstream.MsgIDHeader, m.UUID)
		}
		if _, err := p.js.PublishMsg(m.Context(), out); err != nil {
			return fmt.Errorf("publish %s on %s: %w", m.UUID, topic, err)
		}
	}
	return nil
}

// Close makes further calls of Publish fail. It leaves the connection alone.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}
