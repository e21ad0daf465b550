// Package broker is the JetStream server inside a faultwire process. Only
// services/faultwire and tests import it.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// DefaultMaxPayload bounds one message, in bytes. LiteLLM's rows are 14 KB
	// on average, and far larger with prompts stored; NATS' own default is 1 MB.
	DefaultMaxPayload = 8 << 20

	readyTimeout = 30 * time.Second // recovery of a large store included
	readyPoll    = 100 * time.Millisecond
)

// Config says where the broker keeps its streams and who may reach it.
type Config struct {
	// StoreDir is the folder of the streams. It is made when missing, and locked
	// while the broker runs. Required.
	StoreDir string
	// MaxStore bounds all streams together, in bytes. 0 leaves it to the server:
	// 75 % of the disk space that is free at the start.
	MaxStore int64
	// SyncAlways makes every acknowledgement wait for fsync. Without it, what was
	// acknowledged up to two minutes before a power loss may be gone.
	SyncAlways bool
	// Listen is a loopback address, "127.0.0.1:4222" (port 0 = any free one).
	// Empty means no listener: only Connect reaches the broker.
	Listen string
	// MaxPayload bounds one message, in bytes. 0 means DefaultMaxPayload.
	MaxPayload int32
	// Logger gets the server's warnings and errors, and at level debug its
	// notices. nil means silence.
	Logger *slog.Logger
}

// Server is a running broker.
type Server struct {
	nats   *server.Server
	lock   *storeLock
	listen bool
}

// Start locks the folder and starts the broker; it takes connections when Start
// returns. A folder that is in use is ErrLocked.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	lock, err := lockStore(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded broker: %w", err), lock.release())
	}
	log := newLogger(cfg.Logger)
	srv.SetLoggerV2(log, false, false, false)
	s := &Server{nats: srv, lock: lock, listen: cfg.Listen != ""}
	srv.Start()
	if err := s.awaitReady(ctx, log); err != nil {
		return nil, errors.Join(err, s.Shutdown(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func options(cfg Config) (*server.Options, error) {
	if cfg.StoreDir == "" {
		return nil, fmt.Errorf("start the embedded broker: %w", errNoStoreDir)
	}
	opts := &server.Options{
		ServerName:        "faultwire",
		JetStream:         true,
		StoreDir:          cfg.StoreDir,
		JetStreamMaxStore: cfg.MaxStore,
		SyncAlways:        cfg.SyncAlways,
		MaxPayload:        cfg.MaxPayload,
		NoSigs:            true,
		DontListen:        cfg.Listen == "",
	}
	if cfg.MaxPayload == 0 {
		opts.MaxPayload = DefaultMaxPayload
	}
	if cfg.Listen != "" {
		host, port, err := listenAddress(cfg.Listen)
		if err != nil {
			return nil, err
		}
		opts.Host, opts.Port = host, port
	}
	return opts, nil
}

var errNoStoreDir = errors.New("nats.store_dir is empty (FAULTWIRE_NATS_STORE_DIR)")

// listenAddress refuses what others could reach: there is no authentication.
func listenAddress(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("listen on %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("listen on %q: %w", addr, ErrListenAddress)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("listen on %q: %q is no port", addr, text)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// awaitReady returns when the server takes connections, or can't.
func (s *Server) awaitReady(ctx context.Context, log *logger) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("%w after %s", ErrNotReady, readyTimeout))
	defer cancel()
	for !s.nats.ReadyForConnections(readyPoll) {
		select {
		case cause := <-log.fatal:
			return fmt.Errorf("%w: %s", ErrNotReady, cause)
		case <-ctx.Done():
			return fmt.Errorf("start the embedded broker: %w", context.Cause(ctx))
		default:
		}
	}
	return nil
}

// Connect opens a connection inside the process. The caller closes it, before
// Shutdown.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect("", append([]nats.Option{nats.InProcessServer(s.nats)}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded broker: %w", err)
	}
	return conn, nil
}

// ClientURL is the address for other processes; ErrNotListening without
// Config.Listen.
func (s *Server) ClientURL() (string, error) {
	if !s.listen {
		return "", ErrNotListening
	}
	return s.nats.ClientURL(), nil
}

// Health returns nil while JetStream works with all its streams, else
// ErrUnhealthy with the cause. A disk that was full keeps it unhealthy until
// the broker is started again.
func (s *Server) Health() error {
	h := s.nats.Healthz(&server.HealthzOptions{})
	if h.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnhealthy, h.Error)
}

// Shutdown flushes the streams, ends the server with all its goroutines and
// frees the folder. When ctx ends first the folder stays locked until the
// server is done.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		done <- s.lock.release()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("shut down the embedded broker: %w", context.Cause(ctx))
	}
}
