package explainer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/explainer"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// endpoint is an OpenAI-compatible server. It answers each call as the test says.
type endpoint struct {
	*httptest.Server
	calls chan call // as they come in

	mu    sync.Mutex
	asked []string
	users map[string]bool
}

// call is one request that waits for its answer.
type call struct {
	kind   string // the title of the kind it asks about
	answer chan<- func(http.ResponseWriter)
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{calls: make(chan call), users: map[string]bool{}}
	over := make(chan struct{})
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var request struct {
			User     string `json:"user"`
			Messages []struct {
				Content string `json:"content"`
			} `json:"messages"`
		}
		var document struct {
			Title string `json:"title"`
		}
		if err := json.Unmarshal(body, &request); err != nil || len(request.Messages) != 2 {
			t.Errorf("request %s: %v", body, err)
			return
		}
		if err := json.Unmarshal([]byte(request.Messages[1].Content), &document); err != nil {
			t.Errorf("prompt %s: %v", request.Messages[1].Content, err)
			return
		}
		e.mu.Lock()
		e.asked = append(e.asked, document.Title)
		e.users[request.User] = true
		e.mu.Unlock()
		answer := make(chan func(http.ResponseWriter), 1)
		select {
		case e.calls <- call{document.Title, answer}:
		case <-r.Context().Done():
			return
		case <-over:
			return
		}
		select {
		case write := <-answer:
			write(w)
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(func() {
		close(over)
		e.Close()
	})
	return e
}

// next waits for the next call.
func (e *endpoint) next(t *testing.T) call {
	t.Helper()
	select {
	case c := <-e.calls:
		return c
	case <-time.After(patience):
		t.Fatal("no call")
	}
	return call{}
}

// count is how many calls came in.
func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// always answers every call until the test ends.
func (e *endpoint) always(t *testing.T, write func(kind string) func(http.ResponseWriter)) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case c := <-e.calls:
				c.answer <- write(c.kind)
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		<-done
	})
}

func content(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"object": "chat.completion", "model": "qwen3-30b",
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
			"usage":   map[string]any{"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
		})
	}
}

func explained(kind string) func(http.ResponseWriter) {
	return content(fmt.Sprintf("<think>hm</think>```json\n{\"hypothesis\": \"because of %s\", \"advice\": \"mend %s\"}\n```", kind, kind))
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func settings(e *endpoint) config.LLM {
	return config.LLM{Enabled: true, URL: e.URL, Model: "qwen3-30b", Timeout: time.Minute, CallsPerHour: 20, CallsPerDay: 200}
}

func newExplainer(t *testing.T, store topology.Store, c config.LLM) (*explainer.Explainer, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	client := llm.New(c)
	t.Cleanup(client.Close)
	e, err := explainer.New(c, store, client, testkit.Logger(t), registry)
	if err != nil {
		t.Fatal(err)
	}
	return e, registry
}

// start runs an explainer until the test or the returned function ends it.
func start(t *testing.T, store topology.Store, c config.LLM) (stop func(), _ *prometheus.Registry) {
	t.Helper()
	e, registry := newExplainer(t, store, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the explainer ended: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop, registry
}

func request(kind string, failures int) *event.KindRequest {
	return &event.KindRequest{
		V: event.Version, Prompt: event.Prompt, WindowRun: event.RunLive,
		Kind: event.Kind{Fingerprint: "f1-" + kind, Class: event.ClassQuota, Title: kind, Template: "template of " + kind, Failures: failures, Exemplars: []string{"text of " + kind}},
	}
}

// ask publishes requests as the analyst does.
func ask(t *testing.T, store topology.Store, requests ...*event.KindRequest) {
	t.Helper()
	for _, r := range requests {
		data, err := event.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bus.PublishOnce(t.Context(), store.JetStream, topology.KindSubject(r.Kind.Fingerprint, r.Prompt), data); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits for the explanations of kinds, in any order, and returns them by kind.
func await(t *testing.T, store topology.Store, kinds ...string) map[string]event.Explanation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := map[string]event.Explanation{}
	for entry, err := range bus.Follow(ctx, store.JetStream, topology.Explanations, topology.AllExplanations, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Decode[event.Explanation](entry.Data)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Fingerprint[len("f1-"):]] = e
		if !slices.ContainsFunc(kinds, func(kind string) bool { return got[kind].V == 0 }) {
			return got
		}
	}
	t.Fatalf("not all of %v are explained, got %v", kinds, got)
	return nil
}

// pending waits until what STATE says of a kind satisfies cond, and returns it.
func pending(t *testing.T, store topology.Store, kind string, cond func(event.Pending) bool) event.Pending {
	t.Helper()
	watch, err := store.State.Watch(t.Context(), topology.PendingKey("f1-"+kind, event.Prompt), jetstream.IgnoreDeletes())
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	timeout := time.After(patience)
	for {
		select {
		case entry := <-watch.Updates():
			if entry == nil {
				continue
			}
			p, err := event.Decode[event.Pending](entry.Value())
			if err != nil {
				t.Fatal(err)
			}
			if cond(p) {
				return p
			}
		case <-timeout:
			t.Fatalf("STATE doesn't say the expected of kind %s", kind)
		}
	}
}

// isClear waits until STATE says nothing of a kind.
func isClear(t *testing.T, store topology.Store, kind string) {
	t.Helper()
	testkit.Eventually(t, patience, "no note on "+kind, func() bool {
		_, err := store.State.Get(t.Context(), topology.PendingKey("f1-"+kind, event.Prompt))
		return errors.Is(err, jetstream.ErrKeyNotFound)
	})
}
