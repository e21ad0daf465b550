package analyst_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

// expected is the analysis that stats makes of failures.
func expected(t *testing.T, w event.Window, failures ...*event.Failure) event.Analysis {
	t.Helper()
	sums := stats.New()
	for _, f := range failures {
		sums.Add(w.Start, f)
	}
	a, err := sums.Analysis(w)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestHandle(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	live := []*event.Failure{
		failure("gpt-4o", "agent", "a", 1), failure("gpt-4o", "batch", "a", 2), failure("gpt-4o", "agent", "b", 3),
		failure("qwen", "agent", "a", 4), failure("\x1b]0;模型\a", "../../etc", "c", 5),
	}
	history := failure("gpt-4o", "agent", "old", 6)
	history.History = true
	before := publish(t, store, event.RunLive, failure("gpt-4o", "agent", "before", 0))
	w := publish(t, store, event.RunLive, append(live, history)...)
	heartbeat := nats.NewMsg(topology.HeartbeatSubject)
	topology.WriteHeader(heartbeat.Header, event.Header{Position: event.Position{System: "7", Timeline: 1}, Time: begin})
	if _, err := store.JetStream.PublishMsg(t.Context(), heartbeat); err != nil {
		t.Fatal(err)
	}
	w.Hi++
	publish(t, store, event.RunLive, failure("gpt-4o", "agent", "after", 7))
	if w.Lo != before.Hi+1 || w.N != len(live) {
		t.Fatalf("window %+v", w)
	}

	a, registry := newAnalyst(t, store, true)
	for range 2 { // the second time it is a redelivery
		if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := analysisOf(t, store, w)
	if diff := cmp.Diff(expected(t, w, live...), got); diff != "" {
		t.Errorf("analysis (-want +got):\n%s", diff)
	}
	requests := asked(t, store)
	if got := fingerprints(requests); got != "f1-a×3 f1-b×1 f1-c×1" {
		t.Errorf("asked for %s", got)
	}
	want := event.KindRequest{V: event.Version, Kind: got.Kinds[0], Prompt: "p1-en", Asked: w.End, WindowRun: event.RunLive}
	for _, b := range got.Batches {
		if b.Kinds[0].Value == "f1-a" || len(b.Kinds) > 1 {
			want.Batches = append(want.Batches, b)
		}
	}
	if diff := cmp.Diff(want, requests[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP faultwire_analyses_total Analyses of windows that were stored, by outcome: complete, missing (entries were discarded before the scan, or damaged), failed.
# TYPE faultwire_analyses_total counter
faultwire_analyses_total{outcome="complete"} 1
faultwire_analyses_total{outcome="failed"} 0
faultwire_analyses_total{outcome="missing"} 0
`), "faultwire_analyses_total"); err != nil {
		t.Error(err)
	}
}

// TestKilledAnywhere: after a crash at any publish, and the redelivery, everything
// is there once, and the analysis never before the kinds.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for left := 1; left <= 4; left++ {
		for _, stored := range []bool{false, true} {
			t.Run(fmt.Sprintf("publish %d, stored %t", left, stored), func(t *testing.T) {
				t.Parallel()
				store := testkit.Store(t)
				failures := []*event.Failure{failure("m", "k", "a", 1), failure("m", "k", "a", 2), failure("m", "k", "b", 3), failure("m", "k", "c", 4)}
				w := publish(t, store, event.RunLive, failures...)
				life := store
				life.JetStream = &mortal{JetStream: store.JetStream, left: left, stored: stored}
				a, _ := newAnalyst(t, life, true)
				if err := a.Handle(t.Context(), encode(t, &w)); !errors.Is(err, errKilled) || bus.IsPermanent(err) {
					t.Fatalf("got %v", err)
				}
				_, analysed, err := bus.Last(t.Context(), store.JetStream, topology.Analyses, topology.AllAnalyses)
				if err != nil || analysed && len(asked(t, store)) != 3 {
					t.Fatalf("an analysis, but %s: %v", fingerprints(asked(t, store)), err)
				}
				if again, _ := newAnalyst(t, store, true); again.Handle(t.Context(), encode(t, &w)) != nil {
					t.Fatal("the redelivery failed")
				}
				got, _ := analysisOf(t, store, w)
				if diff := cmp.Diff(expected(t, w, failures...), got); diff != "" {
					t.Error(diff)
				}
				if got := fingerprints(asked(t, store)); got != "f1-a×2 f1-b×1 f1-c×1" {
					t.Errorf("asked for %s", got)
				}
			})
		}
	}
}

// A kind that an earlier window asked for is not asked for again, and what is only
// our own calls or health checks never.
func TestKindsAskedFor(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	first := publish(t, store, event.RunLive, failure("m", "k", "a", 1))
	own, health, mixed := failure("m", "k", "own", 2), failure("m", "k", "health", 3), failure("m", "k", "mixed", 4)
	own.Own, health.HealthCheck, mixed.Own = true, true, true
	second := publish(t, store, event.RunLive, failure("m", "k", "a", 2), failure("m", "k", "a", 3), own, health, mixed, failure("m", "k", "mixed", 5))
	second.Start, second.End = first.End, first.End.Add(5*time.Minute)
	a, _ := newAnalyst(t, store, true)
	for _, w := range []event.Window{first, second} {
		if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
			t.Fatal(err)
		}
	}
	if got := fingerprints(asked(t, store)); got != "f1-a×1 f1-mixed×2" {
		t.Errorf("asked for %s", got)
	}
	if got, _ := analysisOf(t, store, second); got.Scanned != 6 || got.Own != 2 || got.HealthChecks != 1 || len(got.Kinds) != 4 {
		t.Errorf("analysis %+v", got)
	}
}

func TestLLMOff(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	w := publish(t, store, event.RunLive, failure("m", "k", "a", 1))
	a, _ := newAnalyst(t, store, false)
	if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, store); len(got) != 0 {
		t.Errorf("asked for %s", fingerprints(got))
	}
	if got, _ := analysisOf(t, store, w); got.Scanned != 1 {
		t.Errorf("analysis %+v", got)
	}
}

func TestReplays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		marker []byte
		want   string
	}{
		"with the LLM":       {[]byte(`{"v": 1, "request": {"id": "r-1"}}`), "f1-a×2"},
		"without it":         {[]byte(`{"v": 1, "request": {"id": "r-1", "no_llm": true}}`), ""},
		"purged meanwhile":   {nil, ""},
		"a marker of rubble": {[]byte(`{`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := testkit.Store(t)
			publish(t, store, event.RunLive, failure("m", "k", "live", 1))
			w := publish(t, store, "r-1", failure("m", "k", "a", 1), failure("m", "k", "a", 2))
			publish(t, store, "r-10", failure("m", "k", "another", 1)) // no part of it
			if test.marker != nil {
				if _, err := store.JetStream.Publish(t.Context(), topology.ReplayEndSubject("r-1"), test.marker); err != nil {
					t.Fatal(err)
				}
			}
			w.Start, w.Hi = time.Time{}, w.Hi+5 // no time filter
			a, _ := newAnalyst(t, store, true)
			if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
				t.Fatal(err)
			}
			if got := fingerprints(asked(t, store)); got != test.want {
				t.Errorf("asked for %q, want %q", got, test.want)
			}
			if got, _ := analysisOf(t, store, w); got.Scanned != 2 {
				t.Errorf("analysis %+v", got)
			}
		})
	}
}

// TestMissingAndDamaged: what was discarded or can't be read is not there, the
// analysis says so, and the rest is counted.
func TestMissingAndDamaged(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	failures := []*event.Failure{failure("m", "k", "a", 1), failure("m", "k", "b", 2), failure("m", "k", "c", 3)}
	w := publish(t, store, event.RunLive, failures...)
	damaged := message(t, topology.FailureSubject(event.ClassQuota), failure("m", "k", "d", 4))
	damaged.Data = []byte(`{"v": 1, "committed": "yesterday"}`)
	foreign := &nats.Msg{Subject: topology.FailureSubject(event.ClassQuota), Header: nats.Header{topology.LiveHeader: {"1"}}, Data: damaged.Data}
	for _, m := range []*nats.Msg{damaged, foreign} {
		if _, err := store.JetStream.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	w.Hi, w.N = w.Hi+2, w.N+1
	stream, err := store.JetStream.Stream(t.Context(), topology.Failures)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), w.Lo+1); err != nil {
		t.Fatal(err)
	}
	a, registry := newAnalyst(t, store, true)
	if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
		t.Fatal(err)
	}
	got, _ := analysisOf(t, store, w)
	if diff := cmp.Diff(expected(t, w, failures[0], failures[2]), got); diff != "" || got.Scanned != 2 || got.Window.N != 4 {
		t.Errorf("%d of %d:\n%s", got.Scanned, got.Window.N, diff)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP faultwire_analysis_undecodable_entries_total Log entries that could not be decoded and are in no analysis.
# TYPE faultwire_analysis_undecodable_entries_total counter
faultwire_analysis_undecodable_entries_total 2
# HELP faultwire_analyses_total Analyses of windows that were stored, by outcome: complete, missing (entries were discarded before the scan, or damaged), failed.
# TYPE faultwire_analyses_total counter
faultwire_analyses_total{outcome="complete"} 0
faultwire_analyses_total{outcome="failed"} 0
faultwire_analyses_total{outcome="missing"} 1
`), "faultwire_analyses_total", "faultwire_analysis_undecodable_entries_total"); err != nil {
		t.Error(err)
	}
}

// TestFailedAnalysis: a window that can't be analysed has an analysis that says why.
func TestFailedAnalysis(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	w := publish(t, store, event.RunLive, failure("m", "k", "a", 1))
	// Its batches begin in the year 10000, UTC, which JSON can't say.
	w.Start = time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600))
	a, _ := newAnalyst(t, store, true)
	if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
		t.Fatal(err)
	}
	if got, _ := analysisOf(t, store, w); got.Failed == "" || got.Scanned != 1 {
		t.Errorf("analysis %+v", got)
	}
}

// TestTenThousandKeys: a scanner that mints keys can't make an analysis, or a
// request, too large to be stored.
func TestTenThousandKeys(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	var failures []*event.Failure
	for i := range 10_000 {
		long := fmt.Sprintf("%d-%s", i, strings.Repeat("x", i%3000))
		f := failure("model-"+long, "key-"+long, fmt.Sprint("kind", i%300), i%299)
		f.Text = strings.Repeat("长", 600) + long
		failures = append(failures, f)
	}
	w := publish(t, store, event.RunLive, failures...)
	a, _ := newAnalyst(t, store, true)
	if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
		t.Fatal(err)
	}
	got, size := analysisOf(t, store, w)
	if size > 512<<10 {
		t.Errorf("%d bytes", size)
	}
	batches, kinds := got.OtherBatches.Failures, 0
	for _, b := range got.Batches {
		batches += b.Failures
	}
	if got.OtherKinds != nil {
		kinds = got.OtherKinds.Failures
	}
	for i := range got.Kinds {
		kinds += got.Kinds[i].Failures
	}
	if batches != 10_000 || kinds != 10_000 || got.Scanned != 10_000 {
		t.Errorf("%d in batches, %d in kinds, %d scanned", batches, kinds, got.Scanned)
	}
	if n := len(asked(t, store)); n != 300 {
		t.Errorf("asked for %d kinds", n)
	}
}

func TestBadWindows(t *testing.T) {
	t.Parallel()
	a, _ := newAnalyst(t, testkit.Store(t), true)
	if err := a.Handle(t.Context(), []byte("?")); !bus.IsPermanent(err) {
		t.Errorf("no JSON: got %v", err)
	}
	if err := a.Handle(t.Context(), []byte(`{"v": 99}`)); err == nil || bus.IsPermanent(err) {
		t.Errorf("a later version: got %v", err)
	}
}

func TestMetricsAreClean(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	w := publish(t, store, event.RunLive, failure("m", "k", "a", 1))
	a, registry := newAnalyst(t, store, false)
	if err := a.Handle(t.Context(), encode(t, &w)); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
