package console_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	now      = time.Date(2026, 11, 23, 6, 22, 33, 0, time.UTC)
)

func kind(failures int, class event.Class, title string, ago time.Duration, models, keys []event.Count) event.Kind {
	return event.Kind{
		Fingerprint: "f1-3c9e5a7711223344", Class: class, Title: title, Failures: failures, First: now.Add(-ago), Last: now.Add(-time.Minute),
		Models: models, ModelCount: len(models), Keys: keys, KeyCount: len(keys),
		Providers: []event.Count{{Value: "openai", Failures: failures}}, ProviderCount: 1,
	}
}

func counts(values ...string) (list []event.Count) {
	for _, v := range values {
		list = append(list, event.Count{Value: v, Failures: 1})
	}
	return list
}

func outcome() *event.Outcome {
	return &event.Outcome{
		V: 1, Run: "live", Start: now.Truncate(time.Hour).Add(-time.Hour), End: now.Truncate(time.Hour), Matched: 1284, Kinds: 9, At: now,
		Dir: filepath.FromSlash("/srv/faultwire/output/2026-11-23"),
		Files: []string{
			"error_logs_full_142233.json", "error_logs_analysis_142233.json", "llm_analysis_142233.txt", "query_params_142233.json",
		},
		Top: []event.Kind{
			kind(812, event.ClassQuota, "Rate limit on requests per minute", time.Hour, counts("gpt-4o"), counts("a", "b", "c")),
			kind(310, event.ClassTimeout, "Request timed out", 26*time.Hour, counts("qwen3-30b", "模型-客服"), counts("agent")),
			kind(88, event.ClassClient, "Context \x1b[2Jlength\nexceeded "+strings.Repeat("很", 60), time.Minute, counts("\u202egpt\x00"), counts("批处理-"+strings.Repeat("k", 500))),
		},
	}
}

func funnel(steps ...event.FunnelStep) []event.FunnelStep { return steps }

// TestGolden fixes what people see.
func TestGolden(t *testing.T) {
	t.Parallel()
	limited := outcome()
	limited.Matched, limited.Funnel = 100, funnel(event.FunnelStep{Filter: "time", Value: "…", Left: 2310}, event.FunnelStep{Filter: "limit", Value: "100", Left: 100})
	limited.Kinds, limited.Rate = 3, &event.Rate{Requests: 41_020, Failed: 2310}
	for i, n := range []int{70, 20, 10} {
		limited.Top[i].Failures = n
	}
	nothing := &event.Outcome{
		Dir: limited.Dir, Files: []string{"query_params_101530.json"},
		Funnel: funnel(event.FunnelStep{Filter: "time", Value: "a – b", Left: 2310}, event.FunnelStep{Filter: "model", Value: "qwen3-30b", Left: 0, Near: []event.Count{{Value: "external-qwen3-30b", Failures: 1412}, {Value: "\x1bqwen", Failures: 1}}}, event.FunnelStep{Filter: "key", Value: "agent", Left: 0}, event.FunnelStep{Filter: "limit", Value: "100", Left: 0}),
	}
	empty := &event.Outcome{Funnel: funnel(event.FunnelStep{Filter: "time", Value: "2025-12-20 00:00:00 – \x1b", Left: 0})}
	for name, write := range map[string]func(console.Page){
		"head": func(p console.Page) {
			p.Head(console.Head{
				Version: "0.1.0", Data: "/home/u/.local/state/faultwire", HTTP: "127.0.0.1:9464", Postgres: "litellm@db/litellm (PostgreSQL 16.4)",
				Mode: []string{"streaming through slot faultwire, made now, publication faultwire, was there", "a warning"}, LLM: "off",
			})
		},
		"last_day": func(p console.Page) {
			o := outcome()
			o.Rate = &event.Rate{Requests: 96_310, Failed: 1284}
			p.Field("last day", p.Result(o))
			p.Kinds(o, 2)
		},
		"reports": func(p console.Page) {
			p.Report(outcome())
			o := outcome()
			o.Rate = &event.Rate{Requests: 96_310, Failed: 1279}
			o.Start, o.End, o.Pending, o.Dir = now, now.Add(30*time.Second), 1, filepath.FromSlash("/elsewhere/2026-11-23")
			p.Report(o)
			p.Report(&event.Outcome{Start: now, End: now.Add(time.Hour)})
			p.Report(&event.Outcome{Start: now, End: now.Add(time.Hour), Rate: &event.Rate{Requests: 812}})
			p.Report(&event.Outcome{Start: now, End: now.Add(time.Hour), Failed: "the disk\nis full"})
		},
		"replayed": func(p console.Page) { p.Replayed(limited, 10) },
		"nothing":  func(p console.Page) { p.Nothing(event.Query{Days: 7, TimeFilter: true}, nothing) },
		"nothing_in_range": func(p console.Page) {
			p.Nothing(event.Query{Start: &now, TimeFilter: true}, empty)
		},
		"excerpt": func(p console.Page) {
			if err := p.Excerpt(strings.NewReader("Report\n\n1  Kind     12\n   hidden\x1b[8m\nmore\n"), 4); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			write(console.Page{To: &got, Zone: shanghai, Here: filepath.FromSlash("/srv/faultwire")})
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), filepath.ToSlash(got.String())); diff != "" {
				t.Errorf("what people see changed (-golden +now):\n%s", diff)
			}
		})
	}
}

// TestPath shows relative what is below the working folder, and nothing else.
func TestPath(t *testing.T) {
	t.Parallel()
	p := console.Page{Here: filepath.FromSlash("/srv/faultwire")}
	for path, want := range map[string]string{
		"/srv/faultwire/output": "output", "/srv/other": "/srv/other", "/srv/faultwire": ".", "/": "/",
	} {
		if got := filepath.ToSlash(p.Path(filepath.FromSlash(path))); got != want {
			t.Errorf("Path(%s) = %s, want %s", path, got, want)
		}
	}
	if got := (console.Page{}).Path("/srv"); got != "/srv" {
		t.Errorf("without a working folder: %s", got)
	}
}
