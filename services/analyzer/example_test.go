package analyzer_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer"
)

// An analyzer on an embedded broker: two failures, and the heartbeat that closes
// their window.
func Example() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// window 10:00:00 – 10:05:00, 2 failures of 1 kind
	// gpt-4o × agent: 2
}

func example(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "analyzer-example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := broker.Start(ctx, broker.Config{StoreDir: dir})
	if err != nil {
		return err
	}
	defer server.Shutdown(ctx)
	conn, err := server.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	store, err := topology.Ensure(ctx, js, topology.Options{MaxBytes: 16 << 20})
	if err != nil {
		return err
	}

	service, err := analyzer.New(analyzer.Default(), analyzer.Deps{
		Store: store, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Ready: telemetry.NewReadiness(),
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- service.Run(running) }()

	if err := aWindow(ctx, js); err != nil {
		return err
	}
	for entry, err := range bus.Follow(ctx, js, topology.Analyses, topology.AllAnalyses, 0, false) {
		if err != nil {
			return err
		}
		a, err := event.Decode[event.Analysis](entry.Data)
		if err != nil {
			return err
		}
		fmt.Printf("window %s – %s, %d failures of %d kind\n", a.Window.Start.Format(time.TimeOnly), a.Window.End.Format(time.TimeOnly), a.Scanned, len(a.Kinds))
		for _, b := range a.Batches {
			fmt.Printf("%s × %s: %d\n", b.Model, b.Key, b.Failures)
		}
		break
	}
	stop()
	return <-done
}

// aWindow writes what ingest would.
func aWindow(ctx context.Context, js jetstream.JetStream) error {
	begin := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for second := range 2 {
		f := &event.Failure{
			V: event.Version, ID: event.NewID(event.SourceSpendLogs, fmt.Sprint(second), ""), Committed: begin.Add(time.Duration(second) * time.Second),
			Model: "gpt-4o", Key: "agent", Provider: "openai", Class: event.ClassQuota, Fingerprint: "f1-3c9e5a771122", Text: "Rate limit reached",
		}
		data, err := event.Encode(f)
		if err != nil {
			return err
		}
		m := nats.NewMsg(topology.FailureSubject(f.Class))
		m.Data = data
		topology.WriteHeader(m.Header, event.Header{Time: f.Committed, ID: f.ID, Live: true})
		if _, err := js.PublishMsg(ctx, m); err != nil {
			return err
		}
	}
	heartbeat := nats.NewMsg(topology.HeartbeatSubject)
	topology.WriteHeader(heartbeat.Header, event.Header{Time: begin.Add(5 * time.Minute)})
	_, err := js.PublishMsg(ctx, heartbeat)
	return err
}
