package bus_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/topology"
)

// mapping gives each topic of Watermill's suite a stream of its own, and each
// consumer group a durable consumer on it, as package topology would have made them.
type mapping struct {
	js    jetstream.JetStream
	group string
	made  *sync.Map // name → func() error that makes it once
}

func (m mapping) once(name string, makeIt func() error) error {
	f, _ := m.made.LoadOrStore(name, sync.OnceValue(makeIt))
	return f.(func() error)()
}

func (m mapping) stream(ctx context.Context, topic string) (string, error) {
	name := topology.Token(topic)
	return name, m.once(name, func() error {
		_, err := m.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}})
		return err
	})
}

func (m mapping) consumer(ctx context.Context, topic string) (string, error) {
	stream, err := m.stream(ctx, topic)
	if err != nil {
		return "", err
	}
	bound := bus.Topic(stream, m.group)
	return bound, m.once(bound, func() error {
		_, err := m.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
			Durable: m.group, AckPolicy: jetstream.AckExplicitPolicy, AckWait: topology.AckWait, MaxDeliver: -1,
		})
		return err
	})
}

type mappedPublisher struct {
	mapping
	message.Publisher
}

func (p mappedPublisher) Publish(topic string, messages ...*message.Message) error {
	subject, err := p.stream(context.Background(), topic)
	if err != nil {
		return err
	}
	return p.Publisher.Publish(subject, messages...)
}

type mappedSubscriber struct {
	mapping
	message.Subscriber
}

func (s mappedSubscriber) SubscribeInitialize(topic string) error {
	_, err := s.consumer(context.Background(), topic)
	return err
}

func (s mappedSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	bound, err := s.consumer(ctx, topic)
	if err != nil {
		return nil, err
	}
	return s.Subscriber.Subscribe(ctx, bound)
}

// TestConformance is Watermill's own suite for a Pub/Sub.
func TestConformance(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	made := &sync.Map{}
	pubSub := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		t.Helper()
		sub := bus.NewSubscriber(js, bus.SubscriberConfig{
			Log: slog.New(slog.DiscardHandler), NackDelay: 10 * time.Millisecond, MaxNackDelay: 20 * time.Millisecond, CloseTimeout: 100 * time.Millisecond,
		})
		t.Cleanup(func() { sub.Close() }) // one test leaves its subscribers open
		m := mapping{js: js, group: group, made: made}
		return mappedPublisher{m, bus.NewPublisher(js)}, mappedSubscriber{m, sub}
	}
	features := tests.Features{
		ConsumerGroups:                      true,
		ExactlyOnceDelivery:                 false,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true, // several share the messages of a consumer
		Persistent:                          true,
		ForceShort:                          testing.Short(),
	}
	tests.TestPubSub(t, features,
		func(t *testing.T) (message.Publisher, message.Subscriber) { t.Helper(); return pubSub(t, "workers") },
		pubSub,
	)
}
