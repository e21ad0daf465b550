package testkit

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/broker"
)

// BrokerOption changes how Broker starts the broker.
type BrokerOption func(*broker.Config)

// WithListener makes the broker reachable for other processes, on a free port of
// 127.0.0.1; broker.Server's ClientURL tells it.
func WithListener() BrokerOption { return func(c *broker.Config) { c.Listen = "127.0.0.1:0" } }

// WithSyncAlways makes every acknowledgement durable, as in production. Off by
// default: it is six times slower.
func WithSyncAlways() BrokerOption { return func(c *broker.Config) { c.SyncAlways = true } }

// WithStoreDir keeps the streams in a folder of the test's, for another broker
// to go on with. The default is a new folder.
func WithStoreDir(dir string) BrokerOption { return func(c *broker.Config) { c.StoreDir = dir } }

// WithMaxStore bounds all streams together, in bytes.
func WithMaxStore(bytes int64) BrokerOption { return func(c *broker.Config) { c.MaxStore = bytes } }

// Broker starts an embedded JetStream server and a connection inside the
// process. Both end with the test; a test may end them before.
func Broker(t testing.TB, opts ...BrokerOption) (*broker.Server, *nats.Conn) {
	t.Helper()
	cfg := broker.Config{Logger: Logger(t)}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.StoreDir == "" {
		cfg.StoreDir = t.TempDir()
	}
	server, err := broker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	conn, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return server, conn
}
