// Package pipeline is the three services around one NATS: what run, replay and
// demo share. The NATS is a server embedded in the process, or the one of
// nats.url.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

// An orderly stop takes 10 s at most (program.StopTimeout): the services have the
// first part, the broker the rest.
const (
	servicesStop = 8 * time.Second
	brokerStop   = 2 * time.Second
)

// Config says which pipeline.
type Config struct {
	Settings config.Settings
	Version  string // of the build, for metrics
	// Follow: ingest follows LiteLLM's table through the slot, and metrics are
	// served on http.addr. Else only replays are made and nothing listens.
	Follow bool
}

// Pipeline is open: its NATS runs, its streams are there, its services don't run
// yet.
type Pipeline struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	ready    *telemetry.Readiness
	http     *telemetry.Server // nil: nothing listens
	broker   *broker.Server    // nil: nats.url
	conn     *nats.Conn
	store    topology.Store
}

// Open checks what can be checked at once, all of it, and opens NATS. The caller
// runs [Pipeline.Run], or [Pipeline.Close].
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Pipeline, error) {
	p := &Pipeline{cfg: cfg, log: log, registry: telemetry.NewRegistry(cfg.Version), ready: telemetry.NewReadiness()}
	if err := p.claim(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.connect(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Addr is the address of /metrics, with the port in use; empty when nothing
// listens.
func (p *Pipeline) Addr() string {
	if p.http == nil {
		return ""
	}
	return p.http.Addr()
}

// Run runs the services, and work beside them. It ends when ctx does, when work
// returns or when a service fails: then everything is stopped in order, upstream
// first and the broker last, within 10 s. The error is that of what failed.
func (p *Pipeline) Run(ctx context.Context, work func(context.Context) error) error {
	services, err := p.services()
	if err != nil {
		return errors.Join(err, p.Close())
	}
	group := lifecycle.NewGroup(p.log, servicesStop)
	failed := &failure{}
	group.Add("work", failed.note(lifecycle.ServiceFunc(work)))
	for _, s := range services {
		group.Add(s.name, failed.note(s.Service))
	}
	if p.http != nil {
		group.Add("http", failed.note(p.http)) // last: the stop can be watched
	}
	err = failed.own(group.Run(ctx))
	return errors.Join(err, p.Close())
}

// Close ends what Open began; after Run it does nothing.
func (p *Pipeline) Close() error {
	var errs []error
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
	if p.http != nil {
		errs = append(errs, p.http.Close())
		p.http = nil
	}
	if p.broker != nil {
		errs = append(errs, p.shutdown())
		p.broker = nil
	}
	return errors.Join(errs...)
}

// CloseQuietly is [Pipeline.Close] for a pipeline that is given up because of
// another error, which is the one to return.
func (p *Pipeline) CloseQuietly() {
	if err := p.Close(); err != nil {
		p.log.Warn("stop", telemetry.ErrorKey, err)
	}
}

// shutdown has a deadline of its own: it is called when every context has ended.
func (p *Pipeline) shutdown() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), brokerStop, fmt.Errorf("not within %s", brokerStop)) //nolint:forbidigo // see above
	defer cancel()
	return p.broker.Shutdown(ctx)
}
