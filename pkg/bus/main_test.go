package bus_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a broker until the test ends.
func start(t testing.TB) *broker.Server {
	t.Helper()
	s, err := broker.Start(t.Context(), broker.Config{StoreDir: t.TempDir(), MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect opens one more connection, closed when the test ends.
func connect(t testing.TB, s *broker.Server) jetstream.JetStream {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return newJetStream(t, conn)
}

func newJetStream(t testing.TB, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func makeStream(t testing.TB, js jetstream.JetStream, config jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	s, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill publishes n messages whose body is their number, starting at 1, on subjects
// in turn.
func fill(t testing.TB, js jetstream.JetStream, n int, subjects ...string) {
	t.Helper()
	var last jetstream.PubAckFuture
	for i := range n {
		m := nats.NewMsg(subjects[i%len(subjects)])
		m.Header.Set("Number", fmt.Sprint(i+1))
		m.Data = []byte(fmt.Sprint(i + 1))
		f, err := js.PublishMsgAsync(m, jetstream.WithStallWait(30*time.Second)) // the machine may be busy
		if err != nil {
			t.Fatal(err)
		}
		last = f
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(30 * time.Second):
		t.Fatal("publishing takes too long")
	}
	select {
	case err := <-last.Err():
		t.Fatal(err)
	default:
	}
}

// seqs drains a scan.
func seqs(t testing.TB, ctx context.Context, js jetstream.JetStream, r bus.Range) []uint64 { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	var got []uint64
	for e, err := range bus.Scan(ctx, js, r) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Seq)
	}
	return got
}

// restartable is a server that can be stopped and started under its connections.
type restartable struct {
	t    *testing.T
	opts *server.Options
	mu   sync.Mutex
	srv  *server.Server
}

func newRestartable(t *testing.T) *restartable {
	t.Helper()
	r := &restartable{t: t, opts: &server.Options{
		ServerName: "test", JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true, NoLog: true, MaxPayload: 1 << 20,
	}}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *restartable) start() {
	srv, err := server.NewServer(r.opts.Clone())
	if err != nil {
		r.t.Error(err)
		return
	}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		r.t.Error("the server does not start")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.srv = srv
}

func (r *restartable) stop() {
	r.mu.Lock()
	srv := r.srv
	r.mu.Unlock()
	srv.Shutdown()
	srv.WaitForShutdown()
}

// InProcessConn connects to the server that runs now.
func (r *restartable) InProcessConn() (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.srv.InProcessConn()
}

func (r *restartable) connect() *nats.Conn {
	r.t.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(r), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(conn.Close)
	return conn
}
