package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// withStreams runs f on a broker that has all streams and consumers.
func withStreams(f func(ctx context.Context, js jetstream.JetStream) error) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := broker.Start(ctx, broker.Config{StoreDir: dir})
	if err != nil {
		return err
	}
	defer server.Shutdown(ctx)
	conn, err := server.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if _, err := topology.Ensure(ctx, js, topology.Options{MaxBytes: 16 << 20}); err != nil {
		return err
	}
	return f(ctx, js)
}

func ExampleScan() {
	err := withStreams(func(ctx context.Context, js jetstream.JetStream) error {
		for _, class := range []event.Class{event.ClassQuota, event.ClassTimeout, event.ClassQuota} {
			if _, err := js.Publish(ctx, topology.FailureSubject(class), []byte("{}")); err != nil {
				return err
			}
		}
		// A window is a slice of the log.
		window := bus.Range{Stream: topology.Failures, Filter: topology.FailureSubject(event.ClassQuota), Lo: 1, Hi: 3}
		for entry, err := range bus.Scan(ctx, js, window) {
			if err != nil {
				return err
			}
			fmt.Println(entry.Seq, entry.Subject)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 failures.quota
	// 3 failures.quota
	// <nil>
}

func ExamplePublishOnce() {
	err := withStreams(func(ctx context.Context, js jetstream.JetStream) error {
		subject := topology.KindSubject("f1-3c9e5a771122", "p1-en")
		for range 2 {
			first, err := bus.PublishOnce(ctx, js, subject, []byte("{}"))
			if err != nil {
				return err
			}
			fmt.Println("we are the first:", first)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// we are the first: true
	// we are the first: false
	// <nil>
}

// A router with one handler: one window in, one effect out.
func ExampleNewRouter() {
	err := withStreams(func(ctx context.Context, js jetstream.JetStream) error {
		log := slog.New(slog.DiscardHandler)
		router, err := bus.NewRouter(bus.RouterConfig{Log: log, Registerer: prometheus.NewRegistry(), JetStream: js})
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		subscriber := bus.NewSubscriber(js, bus.SubscriberConfig{Log: log})
		router.AddConsumerHandler("analyst", bus.Topic(topology.Windows, topology.Analyst), subscriber, func(m *message.Message) error {
			fmt.Printf("window %d: %s\n", bus.Seq(m), m.Payload)
			if string(m.Payload) == "last" {
				stop()
				return nil
			}
			return bus.Permanent(errors.New("no window can look like this"))
		})
		subject := topology.WindowsSubject(event.RunLive, "epoch")
		first, err := bus.Append(ctx, js, subject, []byte("broken"), 0)
		if err != nil {
			return err
		}
		if _, err := bus.Append(ctx, js, subject, []byte("last"), first); err != nil {
			return err
		}
		if err := bus.Run(ctx, router, subscriber); err != nil {
			return err
		}
		letter, _, err := bus.Last(context.WithoutCancel(ctx), js, topology.DeadLetters, topology.AllDeadLetters)
		fmt.Println(letter.Subject+":", letter.Header.Get(bus.DeadReason))
		return err
	})
	fmt.Println(err)
	// Output:
	// window 1: broken
	// window 2: last
	// dead.analyst: no window can look like this
	// <nil>
}
