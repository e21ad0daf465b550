package counters_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/counters"
)

var start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func failure(seq uint64, model, provider string, class event.Class, fingerprint string) counters.Entry {
	return counters.Entry{
		Seq: seq, Time: start.Add(time.Duration(seq) * time.Second),
		Failure: &counters.Failure{Model: model, Provider: provider, Class: class, Fingerprint: fingerprint},
	}
}

// sorted makes totals comparable.
func sorted(t counters.Totals) counters.Totals {
	slices.SortFunc(t.Failures, func(a, b counters.Tally) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Class, b.Class))
	})
	return t
}

func TestCount(t *testing.T) {
	t.Parallel()
	c := counters.New()
	c.Add(failure(1, "gpt-4o", "openai", event.ClassQuota, "f1-a"))
	c.Add(counters.Entry{Seq: 2, Time: start.Add(time.Minute)})
	own := failure(3, "gpt-4o", "openai", event.ClassQuota, "f1-a")
	own.Failure.Own = true
	c.Add(own)
	health := failure(4, "", "\x1b[2J", "no class", "f1-b")
	health.Failure.HealthCheck = true
	c.Add(health)
	c.Add(counters.Entry{Seq: 7, Unreadable: true})
	want := counters.Totals{
		Failures: []counters.Tally{
			{Series: counters.Series{Model: "gpt-4o", Provider: "openai", Class: "quota"}, Since: 1, Failures: 2},
			{Series: counters.Series{Model: "unknown", Provider: "[2J", Class: "unknown"}, Since: 4, Failures: 1},
		},
		Kinds: map[event.Class]uint64{event.ClassQuota: 1, event.ClassUnknown: 1},
		Own:   1, HealthChecks: 1, Unreadable: 1, Missed: 2, Watermark: start.Add(time.Minute),
	}
	if diff := gocmp.Diff(want, sorted(c.Totals())); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if c.Next() != 8 {
		t.Errorf("next = %d", c.Next())
	}
}

// TestSeriesAreBounded: a scanner that mints names costs no more than the budget,
// and what was there before it came is still counted apart.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	c := counters.New()
	c.Add(failure(1, "gpt-4o", "openai", event.ClassQuota, "f1-a"))
	const n = 10_000
	for i := uint64(2); i <= n; i++ {
		c.Add(failure(i, fmt.Sprintf("m%d-%s", i, strings.Repeat("模", 200)), fmt.Sprintf("p%d", i%1000), event.ClassAuth, fmt.Sprint(i)))
	}
	c.Add(failure(n+1, "gpt-4o", "openai", event.ClassQuota, "f1-a"))
	totals, sum := c.Totals(), uint64(0)
	for _, tally := range totals.Failures {
		sum += tally.Failures
		if tally.Model == "gpt-4o" && tally.Failures != 2 {
			t.Errorf("gpt-4o = %d", tally.Failures)
		}
	}
	if most := counters.MaxSeries + counters.MaxFolded + 1; len(totals.Failures) > most {
		t.Errorf("%d series, want at most %d", len(totals.Failures), most)
	}
	if sum != n+1 || totals.Folded != n+1-1-counters.MaxSeries {
		t.Errorf("counted %d, folded %d", sum, totals.Folded)
	}
	for i := range counters.Chunks {
		if _, _, err := c.Chunk(i); err != nil {
			t.Error(err)
		}
	}
}

// TestChunksFit: the most that can be counted, in the longest names, is stored.
func TestChunksFit(t *testing.T) {
	t.Parallel()
	c := counters.New()
	for i := range uint64(counters.MaxKinds + 1000) {
		model, provider := "gpt-4o", "openai"
		if i < 3000 {
			model, provider = fmt.Sprintf(`%06d%0200d`, i, 0), fmt.Sprintf(`%06d%0200d`, i, 0)
			model, provider = strings.ReplaceAll(model, "0", `"`), strings.ReplaceAll(provider, "0", `\`)
		}
		c.Add(failure(i+1, model, provider, event.ClassProvider, fmt.Sprint("f1-", i)))
	}
	var stored [counters.Chunks][]byte
	for i := range stored {
		data, changed, err := c.Chunk(i)
		if err != nil || !changed {
			t.Fatalf("chunk %d: changed %v, %v", i, changed, err)
		}
		stored[i] = data
	}
	back, err := counters.Load(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(sorted(c.Totals()), sorted(back.Totals())); diff != "" {
		t.Errorf("stored and read (-was +is):\n%s", diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{`, `{"v":2}`, `{"v":1,"kind_hashes":"?"}`} {
		if _, err := counters.Load([counters.Chunks][]byte{3: []byte(data)}); err == nil {
			t.Errorf("%s: no error", data)
		}
	}
}

func small(c *counters.Counters) *counters.Counters {
	c.Limit(6, 3, 2)
	return c
}

// someLog draws entries with more names than the bounds admit, and holes.
var someLog = rapid.Custom(func(t *rapid.T) []counters.Entry {
	var log []counters.Entry
	seq := uint64(0)
	for range rapid.IntRange(1, 80).Draw(t, "entries") {
		seq += rapid.Uint64Range(1, 2).Draw(t, "step")
		if rapid.IntRange(0, 5).Draw(t, "heartbeat") == 0 {
			log = append(log, counters.Entry{Seq: seq, Time: start.Add(time.Duration(seq) * time.Second)})
			continue
		}
		e := failure(seq, rapid.SampledFrom([]string{"a", "b", "c", "d", "other", "模"}).Draw(t, "model"),
			rapid.SampledFrom([]string{"x", "y", "z", "other"}).Draw(t, "provider"),
			rapid.SampledFrom(event.Classes()[:3]).Draw(t, "class"), fmt.Sprint("f1-", rapid.IntRange(0, 60).Draw(t, "kind")))
		e.Failure.Own = rapid.Bool().Draw(t, "own")
		e.Failure.HealthCheck = rapid.Bool().Draw(t, "health")
		e.Unreadable = rapid.IntRange(0, 9).Draw(t, "unreadable") == 0
		log = append(log, e)
	}
	return log
})

// read feeds c what follows c.Next, up to entry number upTo.
func read(c *counters.Counters, log []counters.Entry, upTo int) {
	from := c.Next()
	for _, e := range log[:upTo] {
		if e.Seq >= from {
			c.Add(e)
		}
	}
}

// TestKilledAnywhere kills the reader at any entry, also between the writes of two
// chunks, any number of times: the totals are those of one reader that was never
// disturbed, and never less than what was seen before the kill.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		log := someLog.Draw(t, "log")
		var stored [counters.Chunks][]byte
		for life := range rapid.IntRange(0, 6).Draw(t, "kills") {
			c, err := counters.Load(stored)
			if err != nil {
				t.Fatal(err)
			}
			small(c)
			read(c, log, rapid.IntRange(0, len(log)).Draw(t, fmt.Sprint("life ", life, " reads up to")))
			if c.Next() == 0 {
				continue
			}
			for _, i := range rapid.Permutation(indexes()).Draw(t, "order of the writes")[:rapid.IntRange(0, counters.Chunks).Draw(t, "writes")] {
				data, _, err := c.Chunk(i)
				if err != nil {
					t.Fatal(err)
				}
				stored[i] = data
			}
		}
		disturbed, err := counters.Load(stored)
		if err != nil {
			t.Fatal(err)
		}
		read(small(disturbed), log, len(log))
		whole := small(counters.New())
		read(whole, log, len(log))
		if diff := gocmp.Diff(sorted(whole.Totals()), sorted(disturbed.Totals())); diff != "" {
			t.Fatalf("totals (-undisturbed +killed):\n%s", diff)
		}
		failures, counted := uint64(0), uint64(0)
		for _, e := range log {
			if e.Failure != nil {
				failures++
			}
		}
		for _, tally := range whole.Totals().Failures {
			counted += tally.Failures
		}
		if failures != counted {
			t.Fatalf("%d failures, %d counted", failures, counted)
		}
	})
}

func indexes() []int {
	all := make([]int, counters.Chunks)
	for i := range all {
		all[i] = i
	}
	return all
}
