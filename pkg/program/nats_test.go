package program

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

// startNATS starts a plain server; o.Port 0 takes a free port.
func startNATS(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConnectAndEnsure(t *testing.T) {
	t.Parallel()
	broker, _ := testkit.Broker(t, testkit.WithListener())
	url, err := broker.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := Connect(t.Context(), config.NATS{URL: config.URL(url)}, "ingest", testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Opts.Name != "ingest" || conn.Opts.PingInterval != 5*time.Second || conn.Opts.MaxPingsOut != 2 || conn.Opts.MaxReconnect != -1 {
		t.Errorf("options: %+v", conn.Opts)
	}
	store, err := Ensure(t.Context(), conn, topology.Options{})
	if err != nil || store.Epoch == "" {
		t.Errorf("store %+v, %v", store, err)
	}
}

func TestConnectFaults(t *testing.T) {
	t.Parallel()
	guarded := startNATS(t, &server.Options{Username: "u", Password: "right"})
	nobody := "nats://u:hunter2@127.0.0.1:" + strconv.Itoa(freePort(t))
	for _, c := range []struct {
		name  string
		nats  config.NATS
		is    error
		code  int
		wants []string
	}{
		{"nobody there", config.NATS{URL: config.URL(nobody)}, ErrNoNATS, ExitFailed, []string{"nats.url: nats://***@127.0.0.1:", "after 1.5s of tries", "start it, or correct nats.url (FAULTWIRE_NATS_URL)"}},
		{"wrong password", config.NATS{URL: config.URL(strings.Replace(guarded.ClientURL(), "//", "//u:hunter2@", 1))}, ErrRefused, ExitUsage, []string{"nats.url: nats://***@127.0.0.1:", "set user and password in nats.url, or nats.credentials"}},
		{"credentials missing", config.NATS{URL: config.URL(guarded.ClientURL()), Credentials: "/none.creds"}, nil, ExitUsage, []string{"nats.url, nats.credentials: ", "/none.creds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := connect(t.Context(), c.nats, "x", testkit.Logger(t), 1500*time.Millisecond)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if c.is != nil && !errors.Is(err, c.is) || ExitCode(err) != c.code {
				t.Errorf("got %v, exit %d", err, ExitCode(err))
			}
			for _, want := range c.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestConnectIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := config.NATS{URL: config.URL("nats://127.0.0.1:" + strconv.Itoa(freePort(t)))}
	if _, err := Connect(ctx, n, "x", testkit.Logger(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A server that comes later is found, and one that goes is waited for.
func TestConnectWaitsAndComesBack(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	logs := testkit.NewLogs()
	url := config.URL("nats://127.0.0.1:" + strconv.Itoa(port))
	type result struct {
		conn *nats.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := Connect(t.Context(), config.NATS{URL: url}, "x", logs.Logger(t))
		done <- result{conn, err}
	}()
	testkit.WaitLog(t, logs, 10*time.Second, "connect to NATS") // one failed try
	first := startNATS(t, &server.Options{Port: port})
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.conn.Close()
	first.Shutdown()
	first.WaitForShutdown()
	testkit.WaitLog(t, logs, 10*time.Second, "NATS connection lost")
	startNATS(t, &server.Options{Port: port})
	testkit.WaitLog(t, logs, 20*time.Second, "NATS connection is back")
}

func TestEnsureWithoutJetStream(t *testing.T) {
	t.Parallel()
	plain := startNATS(t, &server.Options{})
	conn, err := Connect(t.Context(), config.NATS{URL: config.URL(plain.ClientURL())}, "x", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = ensure(t.Context(), conn, topology.Options{}, time.Second)
	if !errors.Is(err, ErrNoJetStream) || ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), "start it with -js") {
		t.Errorf("got %v", err)
	}
}
