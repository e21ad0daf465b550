package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

// StopTimeout is how long an orderly stop may take.
const StopTimeout = 10 * time.Second

// Spec describes a program of one service on a NATS server of its own (nats.url).
type Spec struct {
	Name    string      // ingest
	Version string      // of the build; empty = dev
	About   string      // one sentence for --help
	Needs   config.Need // besides nats.url: config.NeedPostgres
	// New makes the service. An error of it that wraps config.Faults or Usage ends
	// the program with exit code 2.
	New func(config.Settings, Env) (lifecycle.Service, error)
}

// Env is what a service is given to work with.
type Env struct {
	Store      topology.Store
	Conn       *nats.Conn // closed by the program, when the service has ended
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Ready      *telemetry.Readiness
}

// Main runs the program with the process's arguments, environment and signals, and
// returns its exit code: os.Exit(program.Main(spec)) is all of a main.
func Main(spec Spec) int {
	ctx, stop := Signals(context.Background()) //nolint:forbidigo // this is main: the process's context begins here
	defer stop()
	SaveMemory()
	p := process{spec: spec, args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, patience: Patience}
	return p.main(ctx)
}

// process is one run of a program.
type process struct {
	spec           Spec
	args           []string
	environ        []string
	stdout, stderr io.Writer
	patience       time.Duration // with NATS, at the start

	flags   Flags
	version bool
	ready   bool
	started func(*telemetry.Server) // tells tests the address; nil = nobody asks
}

func (p *process) main(ctx context.Context) int {
	if p.spec.Version == "" {
		p.spec.Version = "dev"
	}
	switch err := p.parse(); {
	case errors.Is(err, flag.ErrHelp):
		return ExitOK
	case err != nil:
		Report(p.stderr, err, p.flags.Verbose)
		return ExitCode(err)
	case p.version:
		fmt.Fprintln(p.stdout, p.spec.Name, p.spec.Version)
		return ExitOK
	}
	err := p.run(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) { // a signal, while starting
		err = nil
	}
	if err != nil {
		Report(p.stderr, err, p.flags.Verbose)
	}
	return ExitCode(err)
}

func (p *process) parse() error {
	set := flag.NewFlagSet(p.spec.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are ours to print
	p.flags.Register(set)
	set.BoolVar(&p.version, "version", false, "print the version")
	set.BoolVar(&p.ready, "ready", false, "ask the running program (http.addr) whether it is ready: exit code 0 or 1")
	err := set.Parse(p.args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return errors.Join(err, p.help(set))
	case err != nil:
		return Usage(fmt.Errorf("%w; %s --help lists the flags", err, p.spec.Name))
	case set.NArg() > 0:
		return Usage(fmt.Errorf("%q: %s takes flags only; %s --help lists them", set.Arg(0), p.spec.Name, p.spec.Name))
	}
	return nil
}

func (p *process) help(set *flag.FlagSet) error {
	fmt.Fprintf(p.stdout, "%s %s\n%s\n\nFlags:\n", p.spec.Name, p.spec.Version, p.spec.About)
	set.SetOutput(p.stdout)
	set.PrintDefaults()
	fmt.Fprintln(p.stdout, "\nSettings, in the file or as environment variables:")
	return WriteSettings(p.stdout)
}

func (p *process) run(ctx context.Context) error {
	needs := p.spec.Needs | config.NeedNATS
	if p.ready { // only http.addr is asked for
		needs = 0
	}
	settings, err := p.flags.Load(p.environ, needs)
	if err != nil {
		return err
	}
	if p.ready {
		return AskReady(ctx, settings.HTTP.Addr)
	}
	log := Logger(p.stderr, settings.Log, p.flags.Verbose)
	Warn(log, settings)
	registry, ready := telemetry.NewRegistry(p.spec.Version), telemetry.NewReadiness()
	server, err := telemetry.Listen(settings.HTTP.Addr, registry, ready)
	if err != nil {
		return err
	}
	defer server.Close()
	log.Info("starting", "program", p.spec.Name, "version", p.spec.Version, "http", server.Addr())
	if p.started != nil {
		p.started(server)
	}
	service := &service{process: p, settings: *settings, env: Env{Log: log, Registerer: registry, Ready: ready}}
	ready.Add("start", service.hasStarted)
	group := lifecycle.NewGroup(log, StopTimeout)
	group.Add(p.spec.Name, service)
	group.Add("http", server) // last to stop: the stop can be watched
	return service.own(group.Run(ctx))
}

// service connects, makes the program's service and runs it, while /healthz and
// /readyz are served already: a start may take as long as its patience.
type service struct {
	process  *process
	settings config.Settings
	env      Env
	started  atomic.Bool
	failed   atomic.Pointer[error]
}

// Run implements [lifecycle.Service].
func (s *service) Run(ctx context.Context) error {
	err := s.run(ctx)
	if err != nil && ctx.Err() == nil {
		s.failed.Store(&err)
	}
	return err
}

func (s *service) run(ctx context.Context) error {
	spec, n := s.process.spec, s.settings.NATS
	conn, err := connect(ctx, n, spec.Name, s.env.Log, s.process.patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.env.Conn = conn
	if s.env.Store, err = ensure(ctx, conn, topology.Options{Replicas: n.Replicas, MaxBytes: int64(n.MaxBytes)}, s.process.patience); err != nil {
		return err
	}
	service, err := spec.New(s.settings, s.env)
	if err != nil {
		return err
	}
	s.started.Store(true)
	s.env.Log.Info("started", "program", spec.Name, "nats", conn.ConnectedAddr(), "epoch", s.env.Store.Epoch)
	return service.Run(ctx)
}

func (s *service) hasStarted(context.Context) error {
	if !s.started.Load() {
		return fmt.Errorf("connecting to nats.url %s", s.settings.NATS.URL)
	}
	return nil
}

// own returns the service's error as it was, without the name that the group puts
// before it: what a person reads begins with the subject.
func (s *service) own(err error) error {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return err
}
