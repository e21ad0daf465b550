package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	// Patience is how long a start tries to reach a server; once there, a program
	// tries for ever.
	Patience = 30 * time.Second

	pingInterval   = 5 * time.Second // with the next: a dead server is noticed after 10 to 15 s
	maxPings       = 2
	reconnectWait  = time.Second
	ensureTry      = 10 * time.Second
	ensureInterval = time.Second
)

// Connect connects to the server of nats.url as name. It tries for [Patience], then
// returns ErrNoNATS; a server that refuses us is ErrRefused at once. Afterwards the
// connection comes back by itself, for ever. The caller closes it.
func Connect(ctx context.Context, n config.NATS, name string, log *slog.Logger) (*nats.Conn, error) {
	return connect(ctx, n, name, log, Patience)
}

func connect(ctx context.Context, n config.NATS, name string, log *slog.Logger, patience time.Duration) (*nats.Conn, error) {
	// The callbacks never block: one attempt that nobody reads about is no loss.
	connected, failed := make(chan struct{}, 1), make(chan error, 1)
	options := []nats.Option{
		nats.Name(name),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPings),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(), // a server whose accounts are being changed is no reason to end
		nats.ConnectHandler(func(*nats.Conn) { offer(connected, struct{}{}) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			offer(failed, err)
			log.Debug("connect to NATS", telemetry.ErrorKey, err)
		}),
		nats.DisconnectErrHandler(func(c *nats.Conn, err error) {
			if !c.IsClosed() {
				log.Warn("NATS connection lost, trying again", telemetry.ErrorKey, err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("NATS connection is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS reports an error", telemetry.ErrorKey, err)
		}),
	}
	if n.Credentials != "" {
		options = append(options, nats.UserCredentials(n.Credentials))
	}
	conn, err := nats.Connect(n.URL.Reveal(), options...)
	if err != nil { // the options themselves: a .creds file that can't be read, say
		return nil, Usage(fmt.Errorf("nats.url, nats.credentials: connect to %s: %w", n.URL, err))
	}
	if err := await(ctx, n, connected, failed, patience); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func await(ctx context.Context, n config.NATS, connected <-chan struct{}, failed <-chan error, patience time.Duration) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var last error
	for {
		select {
		case <-connected:
			return nil
		case last = <-failed:
			if refused(last) {
				return Usage(fmt.Errorf("nats.url: %s: %w: %w; set user and password in nats.url, or nats.credentials (FAULTWIRE_NATS_CREDENTIALS)", n.URL, ErrRefused, last))
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			if last == nil {
				last = nats.ErrNoServers
			}
			return fmt.Errorf("nats.url: %s: %w after %s of tries: %w; start it, or correct nats.url (FAULTWIRE_NATS_URL)", n.URL, ErrNoNATS, patience, last)
		}
	}
}

func refused(err error) bool {
	for _, is := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// Ensure makes what is missing of streams, consumers and buckets. A server that is
// still starting is asked again, for [Patience].
func Ensure(ctx context.Context, conn *nats.Conn, o topology.Options) (topology.Store, error) {
	return ensure(ctx, conn, o, Patience)
}

func ensure(ctx context.Context, conn *nats.Conn, o topology.Options, patience time.Duration) (topology.Store, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return topology.Store{}, fmt.Errorf("open JetStream: %w", err)
	}
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(ensureInterval)
	defer ticker.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, ensureTry)
		store, err := topology.Ensure(try, js, o)
		cancel()
		switch {
		case err == nil:
			return store, nil
		case ctx.Err() != nil:
			return topology.Store{}, ctx.Err()
		case !mayPass(err) || time.Now().After(deadline):
			return topology.Store{}, explain(err)
		}
		select {
		case <-ctx.Done():
			return topology.Store{}, ctx.Err()
		case <-ticker.C:
		}
	}
}

// mayPass reports whether the error is that of a server or cluster that is still
// starting; such a server doesn't answer or answers 503, like one that has no
// JetStream at all.
func mayPass(err error) bool {
	if isOff(err) {
		return false
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == 503
	}
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
}

func isOff(err error) bool {
	return errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount)
}

// explain names the remedy where the server's own words don't.
func explain(err error) error {
	if isOff(err) || errors.Is(err, nats.ErrNoResponders) {
		return Usage(fmt.Errorf("nats.url: %w: %w; start it with -js, or allow JetStream for this account", ErrNoJetStream, err))
	}
	return fmt.Errorf("nats.url: make streams: %w", err)
}

func offer[T any](to chan T, value T) {
	select {
	case to <- value:
	default:
	}
}
