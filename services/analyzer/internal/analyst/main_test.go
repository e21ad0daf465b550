package analyst_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/analyst"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func newAnalyst(t *testing.T, store topology.Store, explain bool) (*analyst.Analyst, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	a, err := analyst.New(analyst.Config{Explain: explain}, store, testkit.Logger(t), registry)
	if err != nil {
		t.Fatal(err)
	}
	return a, registry
}

func failure(model, key, kind string, second int) *event.Failure {
	committed := begin.Add(time.Duration(second) * time.Second)
	return &event.Failure{
		V: event.Version, ID: event.NewID(event.SourceSpendLogs, model+key+kind, committed.String()), Source: event.SourceSpendLogs,
		Position: event.Position{System: "7", Timeline: 1, Commit: event.LSN(second), Row: 1}, Committed: committed, Started: committed.Add(-3 * time.Second), Ended: committed,
		Model: model, Key: key, Provider: "openai", Class: event.ClassQuota, Fingerprint: "f1-" + kind,
		Title: "title of " + kind, Check: "check " + kind, Template: "template of " + kind, Text: "text of " + kind, ErrorCode: "429",
	}
}

// message is a failure as ingest publishes it.
func message(t *testing.T, subject string, f *event.Failure) *nats.Msg {
	t.Helper()
	data, err := event.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg(subject)
	m.Data = data
	topology.WriteHeader(m.Header, event.Header{Position: f.Position, Time: f.Committed, ID: f.ID, Live: !f.History})
	return m
}

// publish appends failures to the log of run and returns their window.
func publish(t *testing.T, store topology.Store, run string, failures ...*event.Failure) event.Window {
	t.Helper()
	_, subject := topology.Log(run)
	if run == event.RunLive {
		subject = topology.FailureSubject(event.ClassQuota)
	}
	w := event.Window{V: event.Version, Run: run, Epoch: store.Epoch, Start: begin, End: begin.Add(5 * time.Minute)}
	var futures []jetstream.PubAckFuture
	for _, f := range failures {
		future, err := store.JetStream.PublishMsgAsync(message(t, subject, f))
		if err != nil {
			t.Fatal(err)
		}
		futures = append(futures, future)
		if !f.History {
			w.N++
		}
	}
	for _, future := range futures {
		select {
		case ack := <-future.Ok():
			if w.Lo == 0 {
				w.Lo = ack.Sequence
			}
			w.Hi = ack.Sequence
		case err := <-future.Err():
			t.Fatal(err)
		}
	}
	return w
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := event.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// analysisOf reads the stored analysis of w.
func analysisOf(t *testing.T, store topology.Store, w event.Window) (event.Analysis, int) {
	t.Helper()
	entry, found, err := bus.Last(t.Context(), store.JetStream, topology.Analyses, topology.AnalysisSubject(w.Run, w.Epoch, w.Start))
	if err != nil || !found {
		t.Fatalf("no analysis: %v", err)
	}
	a, err := event.Decode[event.Analysis](entry.Data)
	if err != nil {
		t.Fatal(err)
	}
	return a, len(entry.Data)
}

// asked reads all requests for explanations, in order.
func asked(t *testing.T, store topology.Store) []event.KindRequest {
	t.Helper()
	requests := []event.KindRequest{}
	for entry, err := range bus.Scan(t.Context(), store.JetStream, bus.Range{Stream: topology.Kinds, Hi: 1 << 40}) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := event.Decode[event.KindRequest](entry.Data)
		if err != nil {
			t.Fatal(err)
		}
		if want := topology.KindSubject(r.Kind.Fingerprint, r.Prompt); entry.Subject != want {
			t.Errorf("subject %s, want %s", entry.Subject, want)
		}
		requests = append(requests, r)
	}
	return requests
}

func fingerprints(requests []event.KindRequest) string {
	var list []string
	for i := range requests {
		list = append(list, fmt.Sprintf("%s×%d", requests[i].Kind.Fingerprint, requests[i].Kind.Failures))
	}
	return strings.Join(list, " ")
}

var errKilled = errors.New("killed")

// mortal is a JetStream whose publish number left and all after it fail, as after
// kill -9: before it is stored, or after it is stored and before the answer.
type mortal struct {
	jetstream.JetStream
	left   int
	stored bool
}

func (m *mortal) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	m.left--
	if m.left > 0 || m.left == 0 && m.stored {
		ack, err := m.JetStream.PublishMsg(ctx, msg, opts...)
		if m.left > 0 || err != nil {
			return ack, err
		}
	}
	return nil, errKilled
}
