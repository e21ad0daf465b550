//go:build linux

package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest"
)

// orderVariable holds the order of a process that is ingest and nothing else.
const orderVariable = "FAULTWIRE_BENCH_ORDER"

// order says what ingest has to do. It ends when its standard input does.
type order struct {
	URL, Slot, Publication string
	StoreDir               string
	SyncAlways             bool
	Profile                string // path without extension; "" = none
	// Failures is how many have to be in the log; it says when they are. 0 = it says
	// how long each takes from its commit.
	Failures int
}

// said is a line of ingest's standard output.
type said struct {
	Drained time.Time       // when the last failure was durable in the log
	Arrived []time.Duration // after the commit, as the log's reader sees it
}

// ingestMain is `faultwire run` without analyzer and reporter.
func ingestMain(text string) (err error) {
	program.SaveMemory()
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("read %s: %w", orderVariable, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	// No warnings: that much WAL is kept is the point.
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	server, err := broker.Start(ctx, broker.Config{StoreDir: o.StoreDir, SyncAlways: o.SyncAlways, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Shutdown(context.WithoutCancel(ctx))) }()
	conn, err := server.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	most, err := broker.DefaultMaxBytes(o.StoreDir)
	if err != nil {
		return err
	}
	store, err := program.Ensure(ctx, conn, topology.Options{Replicas: 1, MaxBytes: most})
	if err != nil {
		return err
	}
	stop, err := o.profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return o.run(ctx, store, log)
}

func (o order) run(ctx context.Context, store topology.Store, log *slog.Logger) error {
	service, err := ingest.New(o.config(), ingest.Deps{Store: store, Log: log})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return service.Run(ctx) })
	group.Go(func() error {
		if o.Failures > 0 {
			return say(said{Drained: o.await(ctx, store)})
		}
		arrived, err := watch(ctx, store)
		return errors.Join(err, say(said{Arrived: arrived}))
	})
	return group.Wait()
}

func (o order) config() ingest.Config {
	c := ingest.Default()
	c.Postgres.URL, c.Ingest.Slot, c.Ingest.Publication = config.URL(o.URL), o.Slot, o.Publication
	c.Ingest.Mode, c.Ingest.History = "stream", 0
	return c
}

// await returns when all failures are in the log, or ctx has ended.
func (o order) await(ctx context.Context, store topology.Store) time.Time {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if inLog(ctx, store) >= o.Failures {
			return time.Now()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return time.Time{}
}

// inLog counts the failures in the log.
func inLog(ctx context.Context, store topology.Store) (n int) {
	stream, err := store.JetStream.Stream(ctx, topology.Failures)
	if err != nil {
		return 0
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(topology.AllFailures))
	if err != nil {
		return 0
	}
	return int(info.State.Msgs - info.State.Subjects[topology.HeartbeatSubject])
}

// watch reads the log as the planner does, until ctx ends.
func watch(ctx context.Context, store topology.Store) (arrived []time.Duration, err error) {
	consumer, err := store.JetStream.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return nil, err
	}
	messages := make(chan jetstream.Msg, 1024)
	reading, err := consumer.Consume(func(m jetstream.Msg) { messages <- m })
	if err != nil {
		return nil, err
	}
	defer reading.Stop()
	for {
		select {
		case <-ctx.Done():
			return arrived, nil
		case m := <-messages:
			now := time.Now()
			h, err := topology.ReadHeader(m.Headers())
			if err != nil {
				return nil, err
			}
			if h.Live {
				arrived = append(arrived, now.Sub(h.Time))
			}
		}
	}
}

func say(s said) error { return json.NewEncoder(os.Stdout).Encode(s) }

// profile writes profiles at its end, where they are wanted.
func (o order) profile() (stop func() error, err error) {
	if o.Profile == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(o.Profile + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		heap, err := os.Create(o.Profile + ".heap.pprof")
		if err != nil {
			return err
		}
		runtime.GC()
		return errors.Join(pprof.WriteHeapProfile(heap), heap.Close(), cpu.Close())
	}, nil
}

// process is ingest as a process of its own.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Scanner
}

// startIngest starts ingest; it is killed at the end of the test at the latest.
func startIngest(t testing.TB, o order) *process {
	t.Helper()
	if dir := os.Getenv(profileVariable); dir != "" {
		o.Profile = filepath.Join(dir, o.Slot)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(stdout)
	out.Buffer(nil, 16<<20)
	return &process{cmd: cmd, stdin: stdin, out: out}
}

// listen returns the next thing it says.
func (p *process) listen(t testing.TB) (s said) {
	t.Helper()
	if !p.out.Scan() {
		t.Fatalf("ingest ended early: %v", errors.Join(p.out.Err(), p.cmd.Wait()))
	}
	if err := json.Unmarshal(p.out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// hangUp lets it end.
func (p *process) hangUp(t testing.TB) {
	t.Helper()
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wait(t testing.TB) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("ingest: %v", err)
	}
}
