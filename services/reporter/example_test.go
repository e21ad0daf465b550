package reporter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter"
)

// A reporter on an embedded broker, given one failure and the period it lies in.
func Example() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// error_logs_full_100000.json
	// error_logs_analysis_100000.json
	// llm_analysis_100000.txt
	// query_params_100000.json
	// 1 failure   1 kind   1 model · 1 key hit
}

func example(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "reporter-example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := broker.Start(ctx, broker.Config{StoreDir: filepath.Join(dir, "nats")})
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
	store, err := topology.Ensure(ctx, js, topology.Options{})
	if err != nil {
		return err
	}

	config := reporter.Default()
	config.Output.Dir, config.Alone = filepath.Join(dir, "output"), true
	service, err := reporter.New(config, reporter.Deps{
		Store: store, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Ready: telemetry.NewReadiness(),
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- service.Run(running) }()

	if err := oneFailure(ctx, store); err != nil {
		return err
	}
	outcome, err := awaitOutcome(ctx, store)
	if err != nil {
		return err
	}
	for _, file := range outcome.Files {
		fmt.Println(file)
	}
	text, err := os.ReadFile(filepath.Join(outcome.Dir, outcome.Files[2]))
	if err != nil {
		return err
	}
	fmt.Println(strings.Split(string(text), "\n")[1])
	stop()
	return <-done
}

// oneFailure does what ingest and analyzer do.
func oneFailure(ctx context.Context, store topology.Store) error {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	failure := &event.Failure{
		V: event.Version, Committed: start.Add(time.Minute), Model: "gpt-4o", Key: "agent", Provider: "openai",
		Class: event.ClassTimeout, Fingerprint: "f1-1", Title: "Request timed out", Row: json.RawMessage(`{"request_id":"req-1"}`),
	}
	body, err := event.Encode(failure)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: topology.FailureSubject(failure.Class), Header: nats.Header{}, Data: body}
	topology.WriteHeader(m.Header, event.Header{Time: failure.Committed, Live: true})
	if _, err := store.JetStream.PublishMsg(ctx, m); err != nil {
		return err
	}
	rules := event.Rules{Window: event.Duration(time.Hour), Every: event.Duration(time.Hour), Zone: "UTC"}
	window := event.Window{V: event.Version, Run: event.RunLive, Epoch: store.Epoch, Start: start, End: start.Add(time.Hour), Lo: 1, Hi: 1, N: 1, Rules: rules}
	for _, descriptor := range []struct {
		subject string
		value   any
	}{
		{topology.WindowsSubject(event.RunLive, store.Epoch), &window},
		{topology.AnalysisSubject(event.RunLive, store.Epoch, start), &event.Analysis{V: event.Version, Window: window, Scanned: 1}},
		{topology.PeriodsSubject(event.RunLive, store.Epoch), &event.Period{
			V: event.Version, Run: event.RunLive, Epoch: store.Epoch, Start: start, End: start.Add(time.Hour), Lo: 1, Hi: 1, N: 1, First: start, Last: start, Rules: rules,
		}},
	} {
		data, err := event.Encode(descriptor.value)
		if err != nil {
			return err
		}
		if _, err := store.JetStream.Publish(ctx, descriptor.subject, data); err != nil {
			return err
		}
	}
	return nil
}

func awaitOutcome(ctx context.Context, store topology.Store) (event.Outcome, error) {
	watcher, err := store.State.Watch(ctx, topology.OutcomeKey(event.RunLive))
	if err != nil {
		return event.Outcome{}, err
	}
	defer watcher.Stop()
	for entry := range watcher.Updates() {
		if entry != nil {
			return event.Decode[event.Outcome](entry.Value())
		}
	}
	return event.Outcome{}, context.Cause(ctx)
}
