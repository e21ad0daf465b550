package explainer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

// What waits at the start is asked about largest first, four at a time; what comes
// later at once.
func TestLargestFirst(t *testing.T) {
	t.Parallel()
	store, llm := testkit.Store(t), newEndpoint(t)
	for i := range 7 {
		ask(t, store, request(fmt.Sprint("k", i), 10*i+1))
	}
	_, registry := start(t, store, settings(llm))
	var first []string
	var calls []call
	for range 4 {
		c := llm.next(t)
		calls, first = append(calls, c), append(first, c.kind)
	}
	slices.Sort(first)
	if diff := cmp.Diff([]string{"k3", "k4", "k5", "k6"}, first); diff != "" {
		t.Errorf("asked first:\n%s", diff)
	}
	ask(t, store, request("new", 5000))
	if n, err := testutil.GatherAndCount(registry, "faultwire_explanations_pending"); err != nil || n != 1 {
		t.Errorf("%d metrics, %v", n, err)
	}
	// The new one has to be known before the next call is free.
	testkit.Eventually(t, patience, "8 kinds are pending", func() bool {
		return testutil.CollectAndCompare(registry, strings.NewReader("# HELP faultwire_explanations_pending Kinds that wait for an explanation; only from the explainer that is active.\n# TYPE faultwire_explanations_pending gauge\nfaultwire_explanations_pending 8\n"), "faultwire_explanations_pending") == nil
	})
	var next []string
	var then []call
	for _, c := range calls {
		c.answer <- explained(c.kind)
		then = append(then, llm.next(t))
		next = append(next, then[len(then)-1].kind)
	}
	for _, c := range then {
		c.answer <- explained(c.kind)
	}
	if diff := cmp.Diff([]string{"new", "k2", "k1", "k0"}, next); diff != "" {
		t.Errorf("asked next:\n%s", diff)
	}
	got := await(t, store, "k0", "k1", "k2", "k3", "k4", "k5", "k6", "new")
	user, err := topology.OwnUser(t.Context(), store.State)
	if err != nil {
		t.Fatal(err)
	}
	llm.mu.Lock()
	defer llm.mu.Unlock()
	if len(llm.users) != 1 || !llm.users[user] {
		t.Errorf("calls of %v, want %s", llm.users, user)
	}
	e := got["k3"]
	if e.At.IsZero() || time.Since(e.At) > time.Hour {
		t.Errorf("at %s", e.At)
	}
	e.At = time.Time{}
	if diff := cmp.Diff(event.Explanation{
		V: event.Version, Fingerprint: "f1-k3", Prompt: event.Prompt, Hypothesis: "because of k3", Advice: "mend k3", Model: "qwen3-30b", InputTokens: 100, OutputTokens: 10,
	}, e); diff != "" {
		t.Error(diff)
	}
}

// After Retry-After a kind is asked again, and its note goes when it is explained.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	store, llm := testkit.Store(t), newEndpoint(t)
	_, registry := start(t, store, settings(llm))
	ask(t, store, request("k", 1))
	began := time.Now()
	llm.next(t).answer <- status(http.StatusTooManyRequests, "Retry-After", "1")
	p := pending(t, store, "k", func(event.Pending) bool { return true })
	if p.Why != "llm.url "+llm.URL+"/v1: 429 Too Many Requests" || p.Tries != 1 || p.Budget || p.Next.Before(began.Add(time.Second)) || p.Next.After(time.Now().Add(time.Second)) {
		t.Errorf("pending %+v", p)
	}
	llm.next(t).answer <- explained("k")
	await(t, store, "k")
	if took := time.Since(began); took < time.Second {
		t.Errorf("asked again after %s", took)
	}
	isClear(t, store, "k")
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP faultwire_llm_calls_total Calls to the LLM, by outcome: ok, nonsense (no usable answer), timeout, unreachable, http_<status>.
# TYPE faultwire_llm_calls_total counter
faultwire_llm_calls_total{outcome="http_429"} 1
faultwire_llm_calls_total{outcome="nonsense"} 0
faultwire_llm_calls_total{outcome="ok"} 1
# HELP faultwire_llm_tokens_total Tokens of calls to the LLM, as its endpoint counts them: input, output.
# TYPE faultwire_llm_tokens_total counter
faultwire_llm_tokens_total{direction="input"} 100
faultwire_llm_tokens_total{direction="output"} 10
`), "faultwire_llm_calls_total", "faultwire_llm_tokens_total"); err != nil {
		t.Error(err)
	}
}

// Each failure says why, and when next: in a minute. One of the endpoint goes for
// the other kinds too, without a call; a useless answer is one kind's.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		why    string
		others bool // wait too
	}{
		"500":      {status(500), "llm.url URL/v1: 500 Internal Server Error", true},
		"401":      {status(401), "llm.url URL/v1: 401 Unauthorized: set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call qwen3-30b", true},
		"nonsense": {content("I refuse."), "llm.url URL/v1, llm.model qwen3-30b: the answer was no JSON object with hypothesis and advice", false},
		"hang":     {nil, "llm.url URL/v1: no answer within llm.timeout (300ms)", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, llm := testkit.Store(t), newEndpoint(t)
			c := settings(llm)
			if test.answer == nil {
				c.Timeout = 300 * time.Millisecond
			}
			stop, _ := start(t, store, c)
			ask(t, store, request("first", 5))
			began := time.Now()
			if call := llm.next(t); test.answer != nil {
				call.answer <- test.answer
			}
			why := strings.Replace(test.why, "URL", llm.URL, 1)
			p := pending(t, store, "first", func(event.Pending) bool { return true })
			if p.Why != why || p.Tries != 1 || p.Budget || p.Next.Before(began.Add(time.Minute)) || p.Next.After(time.Now().Add(time.Minute)) {
				t.Errorf("pending %+v, want %s", p, why)
			}
			ask(t, store, request("second", 9))
			if test.others {
				if p := pending(t, store, "second", func(event.Pending) bool { return true }); p.Why != why || p.Tries != 0 {
					t.Errorf("pending %+v", p)
				}
			} else {
				llm.next(t).answer <- explained("second")
				await(t, store, "second")
			}
			stop()
			// After a restart the kind that failed waits on.
			calls := llm.count()
			start(t, store, settings(llm))
			ask(t, store, request("third", 1))
			call := llm.next(t)
			if call.kind != "third" {
				t.Errorf("asked about %s", call.kind)
			}
			call.answer <- explained("third")
			await(t, store, "third")
			if n := llm.count(); n != calls+1 {
				t.Errorf("%d calls after the restart", n-calls)
			}
		})
	}
}

// The budget is kept over restarts; kinds past it say so, and are asked about when
// it is larger.
func TestBudget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		perHour, perDay int
		why             string
		until           func(time.Time) time.Time
	}{
		"of the hour": {2, 200, "2 calls an hour (llm.calls_per_hour) are spent", func(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }},
		"of the day":  {20, 2, "2 calls a day (llm.calls_per_day) are spent", func(t time.Time) time.Time { return t.Truncate(24 * time.Hour).Add(24 * time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, llm := testkit.Store(t), newEndpoint(t)
			llm.always(t, explained)
			c := settings(llm)
			c.CallsPerHour, c.CallsPerDay = test.perHour, test.perDay
			ask(t, store, request("a", 40), request("b", 30), request("c", 20), request("d", 10))
			began := time.Now().UTC()
			stop, registry := start(t, store, c)
			await(t, store, "a", "b")
			for _, kind := range []string{"c", "d"} {
				p := pending(t, store, kind, func(event.Pending) bool { return true })
				if p.Why != test.why || !p.Budget || p.Tries != 0 || !p.Next.Equal(test.until(began)) && !p.Next.Equal(test.until(time.Now().UTC())) {
					t.Errorf("pending %+v", p)
				}
			}
			if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
				t.Errorf("metrics: %v %v", problems, err)
			}
			if n, err := testutil.GatherAndCount(registry, "faultwire_llm_budget_remaining_calls"); err != nil || n != 2 {
				t.Errorf("%d metrics of the budget, %v", n, err)
			}
			stop()
			if n, err := testutil.GatherAndCount(registry, "faultwire_llm_budget_remaining_calls", "faultwire_explanations_pending"); err != nil || n != 0 {
				t.Errorf("%d metrics of a standby, %v", n, err)
			}

			// A restart gives nothing back, also for a kind that is new.
			stop, _ = start(t, store, c)
			ask(t, store, request("e", 50))
			if p := pending(t, store, "e", func(event.Pending) bool { return true }); !p.Budget {
				t.Errorf("pending %+v", p)
			}
			stop()
			if n := llm.count(); n != 2 {
				t.Errorf("%d calls", n)
			}

			start(t, store, settings(llm))
			await(t, store, "c", "d", "e")
			for _, kind := range []string{"c", "d", "e"} {
				isClear(t, store, kind)
			}
		})
	}
}

// A call is counted before it is made, so that a crash makes none free.
func TestCallsAreCountedFirst(t *testing.T) {
	t.Parallel()
	store, llm := testkit.Store(t), newEndpoint(t)
	ask(t, store, request("k", 1))
	stop, _ := start(t, store, settings(llm))
	llm.next(t)
	entry, err := store.State.Get(t.Context(), topology.BudgetKey)
	if err != nil {
		t.Fatal(err)
	}
	var spent struct {
		Hour     time.Time `json:"hour"`
		Hourly   int       `json:"hour_calls"`
		Day      time.Time `json:"day"`
		DayCalls int       `json:"day_calls"`
	}
	if err := json.Unmarshal(entry.Value(), &spent); err != nil || spent.Hourly != 1 || spent.DayCalls != 1 || spent.Hour.IsZero() || spent.Day.IsZero() {
		t.Errorf("budget %s, %v", entry.Value(), err)
	}
	stop() // with the call under way: it ends, and the next explainer asks again
	start(t, store, settings(llm))
	llm.next(t).answer <- explained("k")
	await(t, store, "k")
}

// What was explained before is never asked again, nor what is asked with another
// prompt; what can't be read is left out.
func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	store, llm := testkit.Store(t), newEndpoint(t)
	llm.always(t, explained)
	ask(t, store, request("done", 9), request("other", 8))
	data, err := event.Encode(&event.Explanation{V: event.Version, Fingerprint: "f1-done", Prompt: event.Prompt, Hypothesis: "by an earlier one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.JetStream.Publish(t.Context(), topology.ExplanationSubject("f1-done", event.Prompt), data); err != nil {
		t.Fatal(err)
	}
	foreign := request("foreign", 100)
	foreign.Prompt = "p0-xx"
	ask(t, store, foreign)
	for _, rubble := range []string{"?", `{"v": 99}`} {
		if _, err := store.JetStream.Publish(t.Context(), topology.KindSubject(rubble, event.Prompt), []byte(rubble)); err != nil {
			t.Fatal(err)
		}
	}
	start(t, store, settings(llm))
	got := await(t, store, "other", "done")
	if got["done"].Hypothesis != "by an earlier one" {
		t.Errorf("explained again: %+v", got["done"])
	}
	ask(t, store, request("last", 1))
	await(t, store, "last")
	llm.mu.Lock()
	defer llm.mu.Unlock()
	if diff := cmp.Diff([]string{"other", "last"}, llm.asked); diff != "" {
		t.Errorf("asked about:\n%s", diff)
	}
}

// An explanation that somebody stored meanwhile stays, and ours is dropped.
func TestSomebodyWasFaster(t *testing.T) {
	t.Parallel()
	store, llm := testkit.Store(t), newEndpoint(t)
	start(t, store, settings(llm))
	ask(t, store, request("k", 1))
	call := llm.next(t)
	data, err := event.Encode(&event.Explanation{V: event.Version, Fingerprint: "f1-k", Prompt: event.Prompt, Hypothesis: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.JetStream.Publish(t.Context(), topology.ExplanationSubject("f1-k", event.Prompt), data); err != nil {
		t.Fatal(err)
	}
	call.answer <- explained("k")
	ask(t, store, request("then", 1))
	llm.next(t).answer <- explained("then")
	if got := await(t, store, "k", "then"); got["k"].Hypothesis != "theirs" {
		t.Errorf("got %+v", got["k"])
	}
}

// A STATE bucket that can't be read is an error, not a fresh budget.
func TestBrokenBudget(t *testing.T) {
	t.Parallel()
	store, endpoint := testkit.Store(t), newEndpoint(t)
	if _, err := store.State.Put(t.Context(), topology.BudgetKey, []byte("?")); err != nil {
		t.Fatal(err)
	}
	e, _ := newExplainer(t, store, settings(endpoint))
	if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), topology.BudgetKey) {
		t.Errorf("got %v", err)
	}
	if err := store.State.Delete(t.Context(), topology.BudgetKey); err != nil {
		t.Fatal(err)
	}
	// A deleted one is none.
	endpoint.always(t, explained)
	ask(t, store, request("k", 1))
	start(t, store, settings(endpoint))
	await(t, store, "k")
}

// When the stream is gone, Run says so instead of waiting for ever.
func TestStreamGone(t *testing.T) {
	t.Parallel()
	store, endpoint := testkit.Store(t), newEndpoint(t)
	if err := store.JetStream.DeleteStream(t.Context(), topology.Kinds); err != nil {
		t.Fatal(err)
	}
	e, _ := newExplainer(t, store, settings(endpoint))
	if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), topology.Kinds) {
		t.Errorf("got %v", err)
	}
}
