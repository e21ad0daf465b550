package bus

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of SubscriberConfig.
const (
	DefaultNackDelay    = time.Second
	DefaultMaxNackDelay = time.Minute
	DefaultCloseTimeout = 5 * time.Second
)

// SubscriberConfig configures a [Subscriber].
type SubscriberConfig struct {
	Log *slog.Logger // required
	// NackDelay is the time until a nacked message is delivered again. It doubles
	// with each delivery up to MaxNackDelay. Defaults: 1 s, 1 min.
	NackDelay    time.Duration
	MaxNackDelay time.Duration
	// CloseTimeout is how long a message under work has for its ack once its context
	// has ended. Default 5 s.
	CloseTimeout time.Duration
}

// Subscriber is Watermill's subscriber: a topic is "STREAM/consumer", see [Topic],
// a durable pull consumer with explicit acks that exists. Each subscription has one
// message at a time; those of all processes on one consumer share its messages.
// They come in the order of the stream, except when one is nacked.
//
// It tells the server every third of the consumer's AckWait that a message is still
// under work, so a handler may take as long as it likes. An ack is sent, and its
// receipt awaited, also when the context of the message is over.
type Subscriber struct {
	js     jetstream.JetStream
	config SubscriberConfig

	closing chan struct{} // closed by Close

	mu      sync.Mutex
	closed  bool
	err     error
	workers sync.WaitGroup
}

// NewSubscriber makes a subscriber on a connection that stays the caller's.
func NewSubscriber(js jetstream.JetStream, config SubscriberConfig) *Subscriber {
	if config.NackDelay == 0 {
		config.NackDelay = DefaultNackDelay
	}
	if config.MaxNackDelay == 0 {
		config.MaxNackDelay = DefaultMaxNackDelay
	}
	if config.CloseTimeout == 0 {
		config.CloseTimeout = DefaultCloseTimeout
	}
	return &Subscriber{js: js, config: config, closing: make(chan struct{})}
}

// Topic is the topic of a consumer of a stream.
func Topic(stream, consumer string) string { return stream + "/" + consumer }

func splitTopic(topic string) (stream, consumer string, err error) {
	stream, consumer, found := strings.Cut(topic, "/")
	if !found || stream == "" || consumer == "" || strings.Contains(consumer, "/") {
		return "", "", fmt.Errorf("topic %q: %w", topic, ErrBadTopic)
	}
	return stream, consumer, nil
}

// Subscribe binds the consumer; it must exist. The channel is closed when ctx ends,
// also when it has ended before (to a router an error would be one of its own, and
// Watermill leaves behind what it had started by then), after Close, or when the
// subscription can't go on, see [Subscriber.Err].
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	stream, name, err := splitTopic(topic)
	if err != nil {
		return nil, err
	}
	consumer, err := s.js.Consumer(ctx, stream, name)
	if ctx.Err() != nil {
		ended := make(chan *message.Message)
		close(ended)
		return ended, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bind consumer %s of stream %s: %w", name, stream, err)
	}
	settings := consumer.CachedInfo().Config
	if settings.AckPolicy != jetstream.AckExplicitPolicy {
		return nil, fmt.Errorf("bind consumer %s of stream %s: %w", name, stream, ErrAckPolicy)
	}
	sub := &subscription{
		js: s.js, config: s.config, log: s.config.Log.With("stream", stream, "consumer", name),
		stream: stream, name: name, consumer: consumer, ackWait: settings.AckWait,
		out: make(chan *message.Message),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	s.workers.Go(func() {
		defer close(sub.out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			select {
			case <-s.closing:
				cancel()
			case <-ended:
			}
		}()
		s.fail(sub.run(ctx))
	})
	return sub.out, nil
}

// fail keeps the first error.
func (s *Subscriber) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Err says why a subscription ended before its time: the consumer or the connection
// is gone.
func (s *Subscriber) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends all subscriptions: first no more messages are fetched, then those
// under work have CloseTimeout for their acks; what is not acked by then goes to
// another worker. It leaves the connection alone.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.workers.Wait()
	return nil
}
