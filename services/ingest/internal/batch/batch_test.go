package batch_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
)

func stream(t *testing.T, config jetstream.StreamConfig) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	_, conn := testkit.Broker(t)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	config.Name, config.Subjects, config.AllowAtomicPublish = "S", []string{"s.>"}, true
	s, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

func messages(n, size int, id string) []*nats.Msg {
	all := make([]*nats.Msg, n)
	for i := range all {
		all[i] = &nats.Msg{Subject: "s.a", Header: nats.Header{}, Data: make([]byte, size)}
		if id != "" {
			all[i].Header.Set(jetstream.MsgIDHeader, fmt.Sprint(id, i))
		}
	}
	return all
}

func count(t *testing.T, s jetstream.Stream) uint64 {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

func TestPublish(t *testing.T) {
	t.Parallel()
	js, s := stream(t, jetstream.StreamConfig{})
	for _, step := range []struct {
		place batch.Place
		n     int
		id    string
		first uint64
		err   error
	}{
		{batch.After(0), 1, "a", 1, nil},
		{batch.After(1), 1000, "b", 2, nil},
		{batch.After(0), 3, "c", 0, batch.ErrConflict},
		{batch.After(0), 30, "c", 0, batch.ErrConflict},
		{batch.After(0), 1, "d", 0, batch.ErrConflict},
		{batch.After(1001), 3, "b", 0, batch.ErrDuplicate},
		{batch.After(1001), 30, "b", 0, batch.ErrDuplicate},
		{batch.AfterOnSubject(5), 3, "", 0, batch.ErrConflict},
		{batch.AfterOnSubject(1001), 3, "", 1002, nil},
		{batch.After(1004), 2, "", 1005, nil},
		{batch.AfterOnSubject(7), 1, "", 0, batch.ErrConflict},
		{batch.AfterOnSubject(1006), 1, "", 1007, nil},
	} {
		before := count(t, s)
		got, err := batch.Publish(t.Context(), js, step.place, messages(step.n, 10, step.id))
		if !errors.Is(err, step.err) || got.First != step.first {
			t.Errorf("%+v: %+v, %v", step, got, err)
		}
		if err == nil && got.Last != got.First+uint64(step.n)-1 {
			t.Errorf("%+v: %+v", step, got)
		}
		if err != nil && count(t, s) != before {
			t.Errorf("%+v: a part was stored", step)
		}
	}
}

// TestAgain publishes the messages of a refused batch once more.
func TestAgain(t *testing.T) {
	t.Parallel()
	js, s := stream(t, jetstream.StreamConfig{})
	all := messages(5, 10, "x")
	if _, err := batch.Publish(t.Context(), js, batch.After(9), all); !errors.Is(err, batch.ErrConflict) {
		t.Fatal(err)
	}
	if _, err := batch.Publish(t.Context(), js, batch.After(0), all[:3]); err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Publish(t.Context(), js, batch.After(3), all[3:]); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s); n != 5 {
		t.Errorf("%d messages", n)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	js, s := stream(t, jetstream.StreamConfig{MaxBytes: 50_000, Discard: jetstream.DiscardNew})
	_, err := batch.Publish(t.Context(), js, batch.After(0), messages(20, 10_000, ""))
	if !errors.Is(err, batch.ErrFull) {
		t.Errorf("error %v", err)
	}
	if n := count(t, s); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestNoStream(t *testing.T) {
	t.Parallel()
	_, conn := testkit.Broker(t)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Publish(t.Context(), js, batch.After(0), messages(2, 1, "")); err == nil || errors.Is(err, batch.ErrConflict) || errors.Is(err, batch.ErrFull) {
		t.Errorf("error %v", err)
	}
}
