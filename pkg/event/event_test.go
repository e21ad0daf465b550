package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// golden pairs every wire type with the file that fixes its form.
func golden() map[string]any {
	start, end := at("2026-11-23T02:10:00Z"), at("2026-11-23T02:15:00Z")
	rules := event.Rules{Window: event.Duration(5 * time.Minute), Every: event.Duration(time.Hour), Zone: "Asia/Shanghai"}
	id := event.NewID(event.SourceSpendLogs, "req-1", "2026-11-23 02:14:01.5")
	pos := event.Position{System: "7398114511111111111", Timeline: 1, Commit: 0x16B374D848, Row: 42}
	window := event.Window{V: 1, Run: event.RunLive, Epoch: "e1", Start: start, End: end, Lo: 7, Hi: 19, N: 12, Rules: rules}
	kind := event.Kind{
		Fingerprint: "f1-3c9e5a7711223344", Class: event.ClassQuota, Title: "Rate limit on requests per minute",
		Check: "check the deployment's rpm", Template: "Rate limit reached for <model>", Failures: 12, First: start, Last: end,
		Models: []event.Count{{Value: "gpt-4o", Failures: 12}}, ModelCount: 1,
		Keys: []event.Count{{Value: "agent", Failures: 7}, {Value: "批处理", Failures: 5}}, KeyCount: 2,
		Providers: []event.Count{{Value: "openai", Failures: 12}}, ProviderCount: 1,
		Codes: []event.Count{{Value: "429", Failures: 12}}, CodeCount: 1,
		Exemplars: []string{"Rate limit reached for gpt-4o <in> & out"},
	}
	batch := event.Batch{
		Window: start, Model: "gpt-4o", Key: "agent", Failures: 7, First: start, Last: end,
		Kinds: []event.Count{{Value: kind.Fingerprint, Failures: 7}}, KindCount: 1,
	}
	query := event.Query{Start: &start, End: &end, Days: 1, Model: "gpt-4o", Key: "agent", TimeFilter: true, Limit: 100}
	request := event.ReplayRequest{V: 1, ID: "r-1", Asked: end, Query: query}
	funnel := []event.FunnelStep{{Filter: "time", Value: "2026-11-23 02:10:00 – 2026-11-23 02:15:00", Left: 812}, {Filter: "model", Value: "gpt-4o", Left: 40}}
	return map[string]any{
		"failure": &event.Failure{
			V: 1, ID: id, Source: event.SourceSpendLogs, Position: pos, Committed: end, Rescued: true, Started: start, Ended: start.Add(1500 * time.Millisecond),
			Model: "gpt-4o", Key: "agent", Attributed: true, Provider: "openai", Team: "客服团队", Class: event.ClassQuota, Fingerprint: kind.Fingerprint,
			Template: kind.Template, Title: kind.Title, Check: kind.Check, Text: kind.Exemplars[0], ErrorCode: "429",
			Log: event.LogEntry{
				RequestID: new("req-1"), Time: new("2026-11-23T02:14:01.5"), Model: new("gpt-4o"), KeyName: new(""),
				Status: new("failure"), ErrorType: new("RateLimitError"), ErrorMessage: new("a < b & 模型"),
			},
			Row: json.RawMessage(`{"request_id":"req-1","metadata":{"a": 1, "b": "<&>"},"spend":0}`),
		},
		"heartbeat": &event.Heartbeat{
			V: 1, Watermark: end, Position: event.Position{System: pos.System, Timeline: 1, Commit: pos.Commit},
			Source: "16411.740.741", Gap: &event.Gap{From: end.Add(-time.Hour), Why: "the replication slot was lost"}, History: true,
		},
		"window": &window,
		"period": &event.Period{V: 1, Run: event.RunLive, Epoch: "e1", Start: start, End: end, Lo: 7, Hi: 19, N: 12, First: start, Last: start, Rules: rules},
		"analysis": &event.Analysis{
			V: 1, Window: window, Scanned: 12, Batches: []event.Batch{batch}, OtherBatches: &event.Other{Entries: 1, Failures: 5},
			Kinds: []event.Kind{kind}, Own: 1, HealthChecks: 2,
		},
		"kind_request": &event.KindRequest{V: 1, Kind: kind, Batches: []event.Batch{batch}, Prompt: "p1-en", Asked: end, WindowRun: event.RunLive},
		"explanation": &event.Explanation{
			V: 1, Fingerprint: kind.Fingerprint, Prompt: "p1-en", Hypothesis: "a burst of one key", Advice: "raise the limit",
			Model: "qwen3-30b", At: end, InputTokens: 812, OutputTokens: 97,
		},
		"pending": &event.Pending{V: 1, Why: "llm.url answered 500", Tries: 2, Next: end},
		"traffic": &event.Traffic{
			V: 1, Minute: start, Counted: end,
			Models: []event.ModelRate{{Model: "gpt-4o", Rate: event.Rate{Requests: 812, Failed: 12}}, {Model: "模型-<客服>", Rate: event.Rate{Requests: 9}}},
			Other:  event.Rate{Requests: 3, Failed: 1},
		},
		"replay_request": &request,
		"replay_end":     &event.ReplayEnd{V: 1, Request: request, Start: start, End: end, Lo: 1, Hi: 40, N: 40, Funnel: funnel, Rate: &event.Rate{Requests: 3012, Failed: 40}},
		"outcome": &event.Outcome{
			V: 1, Run: "r-1", Report: "r-1.e1.1795399800", Start: start, End: end, Matched: 40, Kinds: 3, Pending: 1,
			Dir: "/var/lib/faultwire/output/2026-11-23", Files: []string{"error_logs_full_101530.json"}, Funnel: funnel, Rate: &event.Rate{Requests: 3012, Failed: 40}, At: end,
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, v := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := event.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSuffix(want, []byte("\n"))), string(got)); diff != "" {
				t.Errorf("the wire form changed (-golden +now):\n%s", diff)
			}
		})
	}
}

// decoded reads data back as the type of v.
func decoded(t *testing.T, v any, data []byte) any {
	t.Helper()
	var (
		got any
		err error
	)
	switch v.(type) {
	case *event.Failure:
		got, err = ptr(event.Decode[event.Failure](data))
	case *event.Heartbeat:
		got, err = ptr(event.Decode[event.Heartbeat](data))
	case *event.Window:
		got, err = ptr(event.Decode[event.Window](data))
	case *event.Period:
		got, err = ptr(event.Decode[event.Period](data))
	case *event.Analysis:
		got, err = ptr(event.Decode[event.Analysis](data))
	case *event.KindRequest:
		got, err = ptr(event.Decode[event.KindRequest](data))
	case *event.Explanation:
		got, err = ptr(event.Decode[event.Explanation](data))
	case *event.Pending:
		got, err = ptr(event.Decode[event.Pending](data))
	case *event.ReplayRequest:
		got, err = ptr(event.Decode[event.ReplayRequest](data))
	case *event.Traffic:
		got, err = ptr(event.Decode[event.Traffic](data))
	case *event.ReplayEnd:
		got, err = ptr(event.Decode[event.ReplayEnd](data))
	case *event.Outcome:
		got, err = ptr(event.Decode[event.Outcome](data))
	default:
		t.Fatalf("no decoder for %T", v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func ptr[T any](v T, err error) (*T, error) { return &v, err }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, v := range golden() {
		data, err := event.Encode(v)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(v, decoded(t, v, data)); diff != "" {
			t.Errorf("%s does not survive the wire (-sent +received):\n%s", name, diff)
		}
	}
}

// TestRowIsVerbatim holds what encoding/json alone would break: blanks, <, > and
// & of a row arrive as they were sent.
func TestRowIsVerbatim(t *testing.T) {
	t.Parallel()
	row := `{"metadata":{"a": 1e400, "html": "<b>&amp;"},"n":-0}`
	data, err := event.Encode(&event.Failure{V: 1, Row: json.RawMessage(row)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.Decode[event.Failure](data)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Row) != row {
		t.Errorf("row = %s, want %s", got.Row, row)
	}
}

func TestDecodeRefusesLaterVersion(t *testing.T) {
	t.Parallel()
	_, err := event.Decode[event.Window]([]byte(`{"v":2,"lo":"a later form"}`))
	if !errors.Is(err, event.ErrVersion) {
		t.Errorf("error = %v, want one that wraps ErrVersion", err)
	}
	if _, err = event.Decode[event.Window]([]byte(`{"v":`)); err == nil || errors.Is(err, event.ErrVersion) {
		t.Errorf("error of broken JSON = %v", err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := [3]string{rapid.String().Draw(t, "source"), rapid.String().Draw(t, "request"), rapid.String().Draw(t, "start")}
		b := [3]string{rapid.String().Draw(t, "source2"), rapid.String().Draw(t, "request2"), rapid.String().Draw(t, "start2")}
		idA, idB := event.NewID(a[0], a[1], a[2]), event.NewID(b[0], b[1], b[2])
		if (a == b) != (idA == idB) {
			t.Fatalf("ids of %q and %q: %s, %s", a, b, idA, idB)
		}
		back, err := event.ParseID(idA.String())
		if err != nil || back != idA {
			t.Fatalf("ParseID(%s) = %s, %v", idA, back, err)
		}
	})
	if event.NewID("a", "bc", "") == event.NewID("ab", "c", "") {
		t.Error("parts of an id run into each other")
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := event.Position{
			System:   rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "system"),
			Timeline: rapid.Int32Min(0).Draw(t, "timeline"),
			Commit:   event.LSN(rapid.Uint64().Draw(t, "lsn")),
			Row:      rapid.IntMin(0).Draw(t, "row"),
		}
		back, err := event.ParsePosition(p.String())
		if err != nil || back != p {
			t.Fatalf("ParsePosition(%s) = %v, %v", p, back, err)
		}
	})
	if got := event.LSN(0x16B374D848).String(); got != "16/B374D848" {
		t.Errorf("LSN prints as %s", got)
	}
	for _, bad := range []string{"", "1,2,3", "1,x,0/1,0", "1,1,01,0", "1,1,0/1,-1", "1,1,0/1,0,9", "1,1,1/100000000,0"} {
		if p, err := event.ParsePosition(bad); err == nil {
			t.Errorf("ParsePosition(%q) = %v, want an error", bad, p)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add("7398,1,16/B374D848,42")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := event.ParsePosition(s)
		if err != nil {
			return
		}
		again, err := event.ParsePosition(p.String())
		if err != nil || again != p {
			t.Errorf("%q reads as %v, prints as %s, reads as %v (%v)", s, p, p, again, err)
		}
	})
}
