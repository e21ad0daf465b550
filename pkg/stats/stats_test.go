package stats_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func failure(model, key, fingerprint string, second int) *event.Failure {
	return &event.Failure{
		Committed: start.Add(time.Duration(second) * time.Second), Started: start.Add(time.Duration(second-3) * time.Second),
		Model: model, Key: key, Provider: "openai", Class: event.ClassQuota, Fingerprint: fingerprint,
		Title: "title of " + fingerprint, Text: "text of " + fingerprint, ErrorCode: "429",
	}
}

func TestBatchesAndKinds(t *testing.T) {
	t.Parallel()
	a := stats.New()
	a.Add(start, failure("gpt-4o", "agent", "f1-a", 5))
	a.Add(start, failure("gpt-4o", "agent", "f1-b", 2))
	a.Add(start, failure("gpt-4o", "agent", "f1-b", 9))
	a.Add(start.Add(5*time.Minute), failure("gpt-4o", "agent", "f1-a", 400))
	a.Add(start, failure("", "", "f1-a", 1))

	wantBatches := []event.Batch{
		{
			Window: start, Model: "gpt-4o", Key: "agent", Failures: 3, First: start.Add(2 * time.Second), Last: start.Add(9 * time.Second),
			Kinds: []event.Count{{Value: "f1-b", Failures: 2}, {Value: "f1-a", Failures: 1}}, KindCount: 2,
		},
		{
			Window: start, Failures: 1, First: start.Add(time.Second), Last: start.Add(time.Second),
			Kinds: []event.Count{{Value: "f1-a", Failures: 1}}, KindCount: 1,
		},
		{
			Window: start.Add(5 * time.Minute), Model: "gpt-4o", Key: "agent", Failures: 1, First: start.Add(400 * time.Second), Last: start.Add(400 * time.Second),
			Kinds: []event.Count{{Value: "f1-a", Failures: 1}}, KindCount: 1,
		},
	}
	if diff := cmp.Diff(wantBatches, a.Batches()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	kinds := a.Kinds()
	if len(kinds) != 2 || kinds[0].Fingerprint != "f1-a" || kinds[0].Failures != 3 {
		t.Fatalf("kinds = %+v", kinds)
	}
	wantModels := []event.Count{{Value: "gpt-4o", Failures: 2}, {Value: "", Failures: 1}}
	if diff := cmp.Diff(wantModels, kinds[0].Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	want := stats.Summary{
		Failures: 5, Kinds: 2, Batches: 3, Models: 2, Keys: 2,
		FirstStarted: start.Add(-2 * time.Second), LastStarted: start.Add(397 * time.Second),
	}
	if diff := cmp.Diff(want, a.Summary()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	a := stats.New()
	own, health, real := failure("m", "k", "f1-own", 1), failure("m", "k", "f1-mixed", 1), failure("m", "k", "f1-mixed", 2)
	own.Own, health.HealthCheck, real.Gap = true, true, true
	for _, f := range []*event.Failure{own, health, real} {
		a.Add(start, f)
	}
	if !a.Noise("f1-own") || a.Noise("f1-mixed") || a.Noise("f1-absent") {
		t.Error("a kind is noise when all its failures are")
	}
	if s := a.Summary(); s.Own != 1 || s.HealthChecks != 1 || s.Gap != 1 || s.Failures != 3 {
		t.Errorf("summary = %+v", s)
	}
}

// TestSums: batches, kinds and their lists add up to the total, in any order of
// arrival.
func TestSums(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{"", "a", "b", "模型", "x\x00y"})
	rapid.Check(t, func(t *rapid.T) {
		var all []*event.Failure
		var windows []time.Time
		for range rapid.IntRange(0, 50).Draw(t, "failures") {
			all = append(all, failure(name.Draw(t, "model"), name.Draw(t, "key"), "f1-"+name.Draw(t, "kind"), rapid.IntRange(0, 900).Draw(t, "second")))
			windows = append(windows, start.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "window"))*5*time.Minute))
		}
		a, shuffled := stats.New(), stats.New()
		for i, f := range all {
			a.Add(windows[i], f)
		}
		for _, i := range rand.Perm(len(all)) {
			shuffled.Add(windows[i], all[i])
		}
		if diff := cmp.Diff(a.Batches(), shuffled.Batches()); diff != "" {
			t.Fatalf("batches depend on the order:\n%s", diff)
		}
		if diff := cmp.Diff(a.Kinds(), shuffled.Kinds()); diff != "" {
			t.Fatalf("kinds depend on the order:\n%s", diff)
		}
		batches, kinds := 0, 0
		for _, b := range a.Batches() {
			batches += b.Failures
			if got := sum(b.Kinds); got != b.Failures {
				t.Fatalf("batch %v: kinds add up to %d", b, got)
			}
		}
		for _, k := range a.Kinds() {
			kinds += k.Failures
			if sum(k.Models) != k.Failures || sum(k.Keys) != k.Failures || sum(k.Providers) != k.Failures {
				t.Fatalf("lists of kind %+v don't add up", k)
			}
		}
		if batches != len(all) || kinds != len(all) || a.Total() != len(all) {
			t.Fatalf("%d failures, %d in batches, %d in kinds, total %d", len(all), batches, kinds, a.Total())
		}
	})
}

func sum(counts []event.Count) (n int) {
	for _, c := range counts {
		n += c.Failures
	}
	return n
}

// TestAnalysisIsBounded: a scanner that mints keys and models cannot make an
// analysis too large to store, and nothing of it gets lost in the sums.
func TestAnalysisIsBounded(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"short names": 10, "long names": 3000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := stats.New()
			for i := range 2000 {
				long := fmt.Sprintf("%d-%s", i, strings.Repeat("长", size))
				a.Add(start, failure(long, long, fmt.Sprintf("f1-%d", i%900), i%300))
			}
			w := event.Window{V: event.Version, Run: event.RunLive, Start: start, N: 2000}
			analysis, err := a.Analysis(w)
			if err != nil {
				t.Fatal(err)
			}
			data, err := event.Encode(&analysis)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > stats.MaxAnalysisSize {
				t.Errorf("%d bytes", len(data))
			}
			batches, kinds := analysis.OtherBatches.Failures, analysis.OtherKinds.Failures
			for _, b := range analysis.Batches {
				batches += b.Failures
			}
			for _, k := range analysis.Kinds {
				kinds += k.Failures
			}
			if batches != 2000 || kinds != 2000 || analysis.Scanned != 2000 {
				t.Errorf("batches add up to %d, kinds to %d, scanned %d", batches, kinds, analysis.Scanned)
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	a := stats.New()
	failures := make([]*event.Failure, 1000)
	for i := range failures {
		failures[i] = failure(fmt.Sprint("model", i%50), fmt.Sprint("key", i%500), fmt.Sprint("f1-", i%60), i%300)
	}
	for i := 0; b.Loop(); i++ {
		a.Add(start, failures[i%len(failures)])
	}
}
