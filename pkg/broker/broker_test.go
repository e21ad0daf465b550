package broker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/broker"
)

func start(t *testing.T, cfg broker.Config) *broker.Server {
	t.Helper()
	s, err := broker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *broker.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, s *broker.Server) jetstream.JetStream {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestRestartKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{StoreDir: t.TempDir(), SyncAlways: true, MaxStore: 64 << 20}

	first, err := broker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := first.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := js.Publish(t.Context(), "s", []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Health(); err != nil {
		t.Error(err)
	}
	conn.Close()
	stop(t, first)

	js = connect(t, start(t, cfg))
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Data) != "9" {
		t.Errorf("message 10 is %q after a restart, want 9", msg.Data)
	}
}

func TestSecondBrokerOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	first := start(t, broker.Config{StoreDir: dir})

	_, err := broker.Start(t.Context(), broker.Config{StoreDir: dir})
	if !errors.Is(err, broker.ErrLocked) {
		t.Fatalf("second broker: %v, want ErrLocked", err)
	}
	for _, want := range []string{dir, strconv.Itoa(os.Getpid()), "nats.store_dir", "FAULTWIRE_NATS_STORE_DIR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q doesn't name %s", err, want)
		}
	}

	stop(t, first)
	start(t, broker.Config{StoreDir: dir})
}

func TestMaxPayload(t *testing.T) {
	t.Parallel()
	conn, err := start(t, broker.Config{StoreDir: t.TempDir()}).Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.MaxPayload(); got != broker.DefaultMaxPayload {
		t.Errorf("a client may send %d bytes, want %d", got, broker.DefaultMaxPayload)
	}
}

func TestListenerIsOnRequestAndLoopbackOnly(t *testing.T) {
	t.Parallel()
	if _, err := start(t, broker.Config{StoreDir: t.TempDir()}).ClientURL(); !errors.Is(err, broker.ErrNotListening) {
		t.Errorf("URL of a broker without listener: %v, want ErrNotListening", err)
	}
	s := start(t, broker.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	url, err := s.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, addr := range []string{"0.0.0.0:4222", ":4222", "example.com:4222"} {
		if _, err := broker.Start(t.Context(), broker.Config{StoreDir: t.TempDir(), Listen: addr}); !errors.Is(err, broker.ErrListenAddress) {
			t.Errorf("listen on %s: %v, want ErrListenAddress", addr, err)
		}
	}
}

func TestBadSettingsAreErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file} {
		_, err := broker.Start(t.Context(), broker.Config{StoreDir: dir})
		if err == nil || !strings.Contains(err.Error(), "nats.store_dir") {
			t.Errorf("store folder %q: %v, want an error that names nats.store_dir", dir, err)
		}
	}
}

// A server that can't start says so in its log only; Start must not wait for
// its time limit, and must free the folder.
func TestFatalErrorOfTheServerIsReturned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := broker.Start(t.Context(), broker.Config{StoreDir: dir})
	if !errors.Is(err, broker.ErrNotReady) || !strings.Contains(err.Error(), "not a directory") {
		t.Fatalf("start over a file: %v, want ErrNotReady with the cause", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to say so", took)
	}
	if err := os.Remove(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	start(t, broker.Config{StoreDir: dir})
}

func TestServerLogGoesToTheLogger(t *testing.T) {
	t.Parallel()
	var text syncBuffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := start(t, broker.Config{StoreDir: t.TempDir(), Logger: log})
	stop(t, s)
	if got := text.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, "component=broker") {
		t.Errorf("log has no notice of the server:\n%s", got)
	}
	if strings.Contains(text.String(), "level=INFO") {
		t.Errorf("the server's notices are louder than debug:\n%s", text.String())
	}
}

func TestHealthOfAStoppedBroker(t *testing.T) {
	t.Parallel()
	s := start(t, broker.Config{StoreDir: t.TempDir()})
	stop(t, s)
	if err := s.Health(); !errors.Is(err, broker.ErrUnhealthy) {
		t.Errorf("health of a stopped broker: %v, want ErrUnhealthy", err)
	}
}

func TestDefaultMaxBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free, err := broker.FreeDisk(filepath.Join(dir, "not", "there", "yet"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := broker.DefaultMaxBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got <= 0 || got > 4<<30 || got > free/4 {
		t.Errorf("%d bytes with %d free", got, free)
	}
}

// syncBuffer may be written while it is read.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
