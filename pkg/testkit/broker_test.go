package testkit_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestBrokerIsReachableFromOutsideOnRequest(t *testing.T) {
	t.Parallel()
	server, conn := testkit.Broker(t, testkit.WithListener(), testkit.WithSyncAlways(), testkit.WithMaxStore(16<<20))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	url, err := server.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	other, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	js, err = jetstream.New(other)
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(t.Context(), "s", nil); err != nil || ack.Sequence != 1 {
		t.Errorf("publish over TCP: %+v, %v", ack, err)
	}
	info, err := js.AccountInfo(t.Context())
	if err != nil || info.Streams != 1 {
		t.Errorf("account: %+v, %v", info, err)
	}
}

func TestBrokerGoesOnFromItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		_, conn := testkit.Broker(t, testkit.WithStoreDir(dir))
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
			t.Fatal(err)
		}
	})
	_, conn := testkit.Broker(t, testkit.WithStoreDir(dir))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := stream.GetMsg(t.Context(), 1); err != nil || string(msg.Data) != "kept" {
		t.Errorf("message 1: %v, %v", msg, err)
	}
}
