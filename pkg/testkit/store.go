package testkit

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/topology"
)

// storeBytes bounds the log and the replays of a test's broker: more than any test
// writes, less than a small disk has.
const storeBytes = 1 << 30

// Store makes the streams on a broker of the test's own.
func Store(t testing.TB, opts ...BrokerOption) topology.Store {
	t.Helper()
	_, conn := Broker(t, opts...)
	return StoreOn(t, conn)
}

// StoreOn makes the streams, or finds them, through a connection of the test's.
func StoreOn(t testing.TB, conn *nats.Conn) topology.Store {
	t.Helper()
	return SmallStoreOn(t, conn, storeBytes)
}

// SmallStoreOn is StoreOn with a log of most bytes.
func SmallStoreOn(t testing.TB, conn *nats.Conn, most int64) topology.Store {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	store, err := topology.Ensure(t.Context(), js, topology.Options{MaxBytes: most})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
