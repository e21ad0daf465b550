package explainer_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

// connect opens a store on a connection of its own.
func connect(t *testing.T, server *broker.Server) (topology.Store, *nats.Conn) {
	t.Helper()
	conn, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return testkit.StoreOn(t, conn), conn
}

// TestTakeover: of two explainers one is active; when it is gone, its call under way
// ends and the other one goes on where the notes say.
func TestTakeover(t *testing.T) {
	t.Parallel()
	server, _ := testkit.Broker(t)
	endpoint := newEndpoint(t)
	const ttl = time.Second
	hold := func(store topology.Store, name string) <-chan error {
		e, _ := newExplainer(t, store, settings(endpoint))
		done := make(chan error, 1)
		go func() {
			defer close(done)
			done <- bus.Hold(t.Context(), store.State, "explainer", name, ttl, testkit.Logger(t), e.Run)
		}()
		t.Cleanup(func() {
			for range done { // until it has ended
			}
		})
		return done
	}
	first, conn := connect(t, server)
	firstDone := hold(first, "first")
	ask(t, first, request("refused", 9), request("hangs", 5))
	calls := []call{endpoint.next(t), endpoint.next(t)}
	for _, c := range calls {
		if c.kind == "refused" {
			c.answer <- content("no")
		}
	}
	pending(t, first, "refused", func(p event.Pending) bool { return p.Tries == 1 })

	second, _ := connect(t, server)
	hold(second, "second")
	conn.Close() // the network of the first one is gone, its call hangs on
	if c := endpoint.next(t); c.kind != "hangs" {
		t.Fatalf("asked about %s", c.kind)
	} else {
		c.answer <- explained(c.kind)
	}
	await(t, second, "hangs")
	if err := <-firstDone; err == nil {
		t.Error("the first one did not notice that its connection is gone")
	}
	if n := endpoint.count(); n != 3 {
		t.Errorf("%d calls", n)
	}
}

// flaky refuses to store the first explanations, as a broker that is being restarted.
type flaky struct {
	jetstream.JetStream
	left atomic.Int32
}

func (f *flaky) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if strings.HasPrefix(msg.Subject, "explanations.") && f.left.Add(-1) >= 0 {
		return nil, errors.New("nobody is there")
	}
	return f.JetStream.PublishMsg(ctx, msg, opts...)
}

// An answer is paid for: it is stored as soon as that is possible.
func TestAnswerIsKept(t *testing.T) {
	t.Parallel()
	store, endpoint := testkit.Store(t), newEndpoint(t)
	broken := &flaky{JetStream: store.JetStream}
	broken.left.Store(3)
	store.JetStream = broken
	start(t, store, settings(endpoint))
	ask(t, store, request("k", 1))
	endpoint.next(t).answer <- explained("k")
	await(t, store, "k")
	if n := endpoint.count(); n != 1 {
		t.Errorf("%d calls", n)
	}
}
