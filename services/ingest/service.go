package ingest

import (
	"cmp"
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/alias"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publisher"
	"github.com/faultwire/faultwire/services/ingest/internal/replay"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/storm"
	"github.com/faultwire/faultwire/services/ingest/internal/totals"
)

// Service follows LiteLLM's table and answers replays.
type Service struct {
	deps    Deps
	db      *database
	metrics *metrics.Metrics
	clock   *postgres.Clock
	totals  *totals.Counter // nil: not wanted
}

// New checks the settings and registers the metrics. It connects to nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	db, err := newDatabase(cfg, deps.Log)
	if err != nil {
		return nil, err
	}
	clock := &postgres.Clock{}
	if deps.Registerer == nil {
		deps.Registerer = prometheus.NewRegistry()
	}
	m, err := metrics.New(deps.Registerer, clock)
	if err != nil {
		return nil, err
	}
	counter, err := newTotals(db, deps)
	if err != nil {
		return nil, err
	}
	if deps.Ready != nil {
		deps.Ready.Add("ingest", func(context.Context) error { return m.Ready() })
	}
	return &Service{deps: deps, db: db, metrics: m, clock: clock, totals: counter}, nil
}

// Run returns nil when ctx ended. At the start it makes publication and slot if
// they are missing; a fault of the settings ([IsSettings]) is returned at once, a
// database that can't be reached after 30 s. From then on Run waits out whatever
// happens to database and broker.
func (s *Service) Run(ctx context.Context) error {
	names := alias.New(s.db.cfg.Postgres.Schema, s.deps.Log)
	builder, err := newBuilder(ctx, s.db.cfg, s.deps, names)
	if err != nil {
		return ended(ctx, err)
	}
	store, log := s.deps.Store, s.deps.Log
	queue, index, missing := feed.NewQueue(), ids.NewIndex(store, ids.DefaultLimit, log), &gap.State{}
	p := publisher.New(store.JetStream, queue, index, s.metrics, log)
	if err := p.Sync(ctx); err != nil {
		return ended(ctx, err)
	}
	w := storm.New(storm.Config{
		Usage: func(ctx context.Context) (storm.Usage, error) { return storm.Read(ctx, store.JetStream) },
		Log:   p, Gap: missing, Meter: s.metrics, Slog: log,
	})
	f := &follower{
		db: s.db, store: store, queue: queue, index: index, builder: builder, clock: s.clock, publisher: p,
		names: names, gap: missing, storm: w, metrics: s.metrics, log: log, patience: cmp.Or(s.deps.Patience, defaultPatience),
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return p.Run(inner) })
	group.Go(func() error { return f.run(inner) })
	group.Go(func() error { return w.Run(inner) })
	group.Go(func() error { return s.totals.Run(inner) })
	group.Go(func() error { names.Run(inner, s.db.dialer.SQL); return nil })
	group.Go(func() error { return newReplayer(s.db, s.deps, builder, names).Run(inner) })
	return ended(ctx, group.Wait())
}

// ended makes the end of ctx no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Replayer answers replays and does nothing else: it needs SELECT on LiteLLM's
// table, no slot and no wal_level.
type Replayer struct {
	db   *database
	deps Deps
}

// NewReplayer checks the settings. Deps.Registerer and Deps.Ready are not used.
func NewReplayer(cfg Config, deps Deps) (*Replayer, error) {
	db, err := newDatabase(cfg, deps.Log)
	if err != nil {
		return nil, err
	}
	return &Replayer{db: db, deps: deps}, nil
}

// Run returns nil when ctx ended. A request that can't be answered gets an end
// marker that says why.
func (r *Replayer) Run(ctx context.Context) error {
	names := alias.New(r.db.cfg.Postgres.Schema, r.deps.Log)
	builder, err := newBuilder(ctx, r.db.cfg, r.deps, names)
	if err != nil {
		return ended(ctx, err)
	}
	return newReplayer(r.db, r.deps, builder, names).Run(ctx)
}

func newReplayer(db *database, deps Deps, builder *failure.Builder, names *alias.Names) *replay.Replayer {
	return replay.New(replay.Config{
		Dialer: db.dialer, Schema: db.cfg.Postgres.Schema, Rescued: db.cfg.Ingest.IncludeRescued,
		Builder: builder, Names: names, JetStream: deps.Store.JetStream, Log: deps.Log,
	})
}

// natsMaxPayload is NATS' own default, for a server that has not said its own yet.
const natsMaxPayload = 1 << 20

func newBuilder(ctx context.Context, cfg Config, deps Deps, names *alias.Names) (*failure.Builder, error) {
	own, err := topology.OwnUser(ctx, deps.Store.State)
	if err != nil {
		return nil, err
	}
	redactor, err := newRedactor(cfg.Ingest)
	if err != nil {
		return nil, err
	}
	if redactor == nil {
		deps.Log.Warn("secrets of LiteLLM's rows travel unredacted: into the stream, the dated files and the LLM's prompts; set ingest.redact: true to cut them")
	}
	options := spendlog.Options{Redactor: redactor, KeepPrompts: cfg.Ingest.KeepPrompts, Rescued: cfg.Ingest.IncludeRescued, Alias: names.Alias, OwnUser: own}
	maxPayload := cmp.Or(deps.Store.JetStream.Conn().MaxPayload(), natsMaxPayload)
	return failure.NewBuilder(options, maxPayload, deps.Log), nil
}
