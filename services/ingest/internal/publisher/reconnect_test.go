package publisher_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// reconnecting opens a connection that comes back, and a function that stops the
// broker, does something meanwhile and starts it again on the same port.
func reconnecting(t *testing.T, address, dir string, server *broker.Server) (jetstream.JetStream, func(meanwhile func())) {
	t.Helper()
	conn, err := nats.Connect(address, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return js, func(meanwhile func()) {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		meanwhile()
		again, err := broker.Start(ctx, broker.Config{StoreDir: dir, Listen: parsed.Host, Logger: testkit.Logger(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), wait)
			defer cancel()
			if err := again.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
