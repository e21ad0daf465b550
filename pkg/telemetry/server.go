package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 2 * time.Second // for requests under way when the server is stopped
	maxHeader     = 64 << 10        // bytes
	maxScrapes    = 8               // at once; more get 503
)

// Server serves /metrics, /healthz and /readyz.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen binds addr (the setting http.addr) at once, so that an address in use is
// found before anything else starts; [Server.Run] serves it. Port 0 takes a free
// one, see [Server.Addr].
func Listen(addr string, g prometheus.Gatherer, r *Readiness) (*Server, error) {
	if addr == "" {
		return nil, fmt.Errorf("http.addr (FAULTWIRE_HTTP_ADDR): %w", ErrNoAddress)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http.addr (FAULTWIRE_HTTP_ADDR): %w: choose another address, or end the program that has it", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: writeTimeout / 2}))
	mux.HandleFunc("GET /healthz", alive)
	mux.Handle("GET /readyz", r)
	return &Server{listener: listener, http: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// What clients do wrong is no news; nil would mean the global logger.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}}, nil
}

// alive says that the process is there and answers; whether it gets on is /readyz.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// Addr is the address it listens on, with the port in use.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends; requests under way then have 2 s. It can be called
// once.
func (s *Server) Run(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve http on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) { // a client that doesn't read must not hold us up
		err = s.http.Close()
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	if err != nil {
		return fmt.Errorf("stop http on %s: %w", s.Addr(), err)
	}
	return nil
}

// Close frees the address of a server that is not going to run; after Run it does
// nothing.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close http on %s: %w", s.Addr(), err)
	}
	return nil
}
