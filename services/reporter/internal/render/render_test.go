package render_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/services/reporter/internal/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

var start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// add adds n failures of one kind, three seconds apart, from second on.
func add(a *stats.Accumulator, n, second int, f event.Failure) {
	for i := range n {
		one := f
		one.Committed = start.Add(time.Duration(second+3*i) * time.Second)
		one.Started = one.Committed.Add(-11 * time.Minute)
		a.Add(one.Committed.Truncate(5*time.Minute), &one)
	}
}

var (
	rateLimit = event.Failure{
		Model: "gpt-4o", Key: "agent", Provider: "openai", Team: "客服团队", Class: event.ClassQuota, Fingerprint: "f1-3c9e5a7711223344", ErrorCode: "429",
		Title: "Rate limit on requests per minute", Check: "the deployment's rpm in LiteLLM's config against the provider's limit; spread over a second deployment or set a fallback",
		Template: "Rate limit reached for <model> in organization <id> on requests per min (RPM): Limit <n>, Used <n>",
	}
	timeout = event.Failure{
		Model: "qwen3-30b", Key: "批处理", Provider: "vllm", Class: event.ClassTimeout, Fingerprint: "f1-70aa5a7711223344", ErrorCode: "408",
		Title: "Request timed out", Check: "the upstream's load", Template: "Request timed out after <duration>",
	}
	hostile = event.Failure{
		Model: "\x1b[31mgpt\n-5\u202e" + strings.Repeat("模", 200), Key: strings.Repeat("a1", 32), Provider: "unknown", Class: event.ClassClient,
		Fingerprint: "f1-dead5a7711223344", Title: "Unknown \r\n model", Check: "the name", Template: "Invalid model name passed in model=<value>\x07\n\tnext line" + strings.Repeat(" word", 300),
	}
)

func fill(r *render.Report, a *stats.Accumulator) {
	r.Summary, r.Kinds, r.Batches = a.Summary(), a.Kinds(), a.Batches()
	if r.Expected == 0 {
		r.Expected = a.Total()
	}
}

func live(t testing.TB) *render.Report {
	return &render.Report{
		Start: start, End: start.Add(time.Hour), Zone: shanghai(t), Window: 5 * time.Minute,
		Opinions: map[string]render.Opinion{}, BeganBefore: 37,
		Full: &render.File{Rows: 1284, Of: 1284}, Analysis: &render.File{Rows: 1284, Of: 1284},
	}
}

// reports are the golden files by name.
func reports(t testing.TB) map[string]*render.Report {
	t.Helper()
	first := live(t)
	a := stats.New()
	add(a, 900, 840, rateLimit)
	second := rateLimit
	second.Key, second.ErrorCode, second.Model, second.Provider = "batch", "", "gpt-4o-mini", "azure"
	add(a, 312, 900, second)
	add(a, 60, 600, timeout)
	health := timeout
	health.HealthCheck, health.Fingerprint, health.Title = true, "f1-4ea15a7711223344", "Connection refused"
	add(a, 9, 1200, health)
	own := timeout
	own.Own, own.Fingerprint = true, "f1-04b05a7711223344"
	add(a, 3, 3590, own)
	fill(first, a)
	first.Opinions[rateLimit.Fingerprint] = render.Opinion{Explanation: &event.Explanation{
		Hypothesis: "The `batch` key started a burst at 10:13\n\nthat used up the organisation's shared RPM: 一个键用完了整个组织的配额，其他键因此失败。" + strings.Repeat(" More evidence follows here.", 6),
		Advice:     "Give `batch` its own deployment, or lower its rpm_limit.", Model: "qwen3-30b", At: start.Add(20 * time.Minute),
	}}
	first.Rate = &render.Rate{
		Rate: event.Rate{Requests: 96_310, Failed: 1279}, Until: first.End, Before: &event.Rate{Requests: 90_000, Failed: 189},
		Models: []event.ModelRate{
			{Model: "gpt-4o", Rate: event.Rate{Requests: 41_020, Failed: 890}},
			{Model: "gpt-4o-mini", Rate: event.Rate{Requests: 50_000, Failed: 310}},
			{Model: "qwen3-30b\x1b", Rate: event.Rate{Requests: 4000, Failed: 70}},
			{Model: "m", Rate: event.Rate{Requests: 1, Failed: 1}},
			{Model: "fine", Rate: event.Rate{Requests: 9}},
		},
	}
	first.Opinions[timeout.Fingerprint] = render.Opinion{Pending: "llm.url answered 500", Next: start.Add(70 * time.Minute)}

	off := live(t)
	off.LLMOff = "LLM off: set llm.url (FAULTWIRE_LLM_URL) and llm.model for hypotheses; everything else here needs none."
	a = stats.New()
	add(a, 1, 0, timeout)
	fill(off, a)
	off.Rate = &render.Rate{Rate: event.Rate{Requests: 812}, Until: off.End.Add(-2 * time.Minute)}
	off.Full, off.Analysis = &render.File{Rows: 1, Of: 1}, nil

	nasty := live(t)
	a = stats.New()
	add(a, 2, 0, hostile)
	bare := event.Failure{Class: event.ClassUnknown, Fingerprint: "f1-0", Text: "\x00only an example\u2028"}
	add(a, 1, 10, bare)
	fill(nasty, a)
	nasty.Opinions[hostile.Fingerprint] = render.Opinion{Explanation: &event.Explanation{Hypothesis: "\x1b]0;title\x07 hi", Advice: "\u202erun rm -rf", Model: "m\x1b", At: start}}
	nasty.Opinions["f1-0"] = render.Opinion{Pending: "budget: 20 calls this hour are spent"}

	lost := live(t)
	a = stats.New()
	add(a, 180, 0, timeout)
	lost.Expected = 1284
	fill(lost, a)
	lost.Remarks = []string{"The analysis of window 10:00 counted 188 failures, this report found 180."}
	lost.Full = &render.File{Rows: 100, Of: 180, Rule: "the first 20 of each kind, then in order (output.max_rows)"}

	empty := live(t)
	empty.Expected = 12
	fill(empty, stats.New())
	empty.Full, empty.Analysis = &render.File{}, &render.File{}

	day := live(t)
	day.Start, day.End = start.Add(-10*time.Hour), start.Add(14*time.Hour)
	a = stats.New()
	for i := range 60 {
		many := timeout
		many.Fingerprint, many.Title, many.Key = fmt.Sprintf("f1-%04d", i), fmt.Sprintf("Kind %d", i), fmt.Sprintf("key-%02d", i%7)
		add(a, 61-i, 0, many)
	}
	fill(day, a)

	replayed := live(t)
	replayed.BeganBefore = 0
	asked := start.Add(30 * time.Hour)
	replayed.Start, replayed.End = start, asked
	replayed.Replay = &render.Replay{
		Asked: asked, Start: start, End: start.Add(48*time.Hour - time.Second), Query: event.Query{TimeFilter: true, Model: "gpt-4o", Key: "it's", Limit: 100},
		Funnel: []event.FunnelStep{{Filter: "time", Left: 3000}, {Filter: "model", Left: 2500}, {Filter: "key", Left: 2310}, {Filter: "limit", Left: 100}},
	}
	a = stats.New()
	for _, f := range []event.Failure{rateLimit, timeout} {
		for i := range 50 {
			f.Committed = start.Add(time.Duration(i) * time.Hour)
			f.Started = f.Committed
			a.Add(asked, &f)
		}
	}
	fill(replayed, a)
	replayed.Rate = &render.Rate{Rate: event.Rate{Requests: 41_020, Failed: 2310}}

	ever := live(t)
	ever.Replay = &render.Replay{Asked: asked, Query: event.Query{Model: "\x1bx", Limit: 0}, Funnel: []event.FunnelStep{{Filter: "model", Left: 1}, {Filter: "limit", Left: 1}}}
	a = stats.New()
	add(a, 1, 0, timeout)
	fill(ever, a)
	ever.Rate = &render.Rate{Rate: event.Rate{Requests: 300, Failed: 1}}

	return map[string]*render.Report{
		"live": first, "llm_off": off, "hostile": nasty, "incomplete": lost, "nothing_left": empty, "day_of_many_kinds": day, "replay": replayed, "replay_of_any_time": ever,
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, report := range reports(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := render.Write(&b, report); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
				t.Errorf("the text changed (-golden +now):\n%s", diff)
			}
			for i, line := range strings.Split(b.String(), "\n") {
				if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("line %d holds what can't be printed: %q", i+1, line)
				}
			}
		})
	}
}
