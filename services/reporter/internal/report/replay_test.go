package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

var asked = time.Date(2026, 11, 25, 2, 15, 30, 0, time.UTC) // 10:15:30 in Shanghai

// replay publishes the rows of a replay, its end marker, and what the analyzer
// makes of them; change may alter the marker.
func (s *scene) replay(id string, rows []*event.Failure, change func(*event.ReplayEnd)) (report string) {
	s.t.Helper()
	from, to := start, start.Add(48*time.Hour)
	end := event.ReplayEnd{
		V: event.Version, Start: from, End: to, N: len(rows), Lo: 1,
		Request: event.ReplayRequest{V: event.Version, ID: id, Asked: asked, Query: event.Query{Start: &from, End: &to, Days: 1, Model: "gpt-4o", Key: "agent", TimeFilter: true, Limit: 100}},
		Funnel:  []event.FunnelStep{{Filter: "time", Value: "…", Left: 812}, {Filter: "model", Value: "gpt-4o", Left: 40}, {Filter: "key", Value: "agent", Left: len(rows)}, {Filter: "limit", Value: "100", Left: len(rows)}},
	}
	counted := stats.New()
	for i, f := range rows {
		seq := s.entry(topology.ReplaySubject(id), f, event.Header{Time: f.Committed, Live: true})
		if i == 0 {
			end.Lo = seq
		}
		end.Hi = seq
	}
	if change != nil {
		change(&end)
	}
	s.publish(topology.ReplayEndSubject(id), &end)
	w := event.Window{V: event.Version, Run: id, Epoch: s.store.Epoch, Start: end.Start, End: end.End, Lo: end.Lo, Hi: end.Hi, N: end.N, Rules: s.rules()}
	p := event.Period{V: event.Version, Run: id, Epoch: s.store.Epoch, Start: end.Start, End: end.End, Lo: end.Lo, Hi: end.Hi, N: end.N, First: end.Start, Last: end.Start, Rules: s.rules()}
	if end.N > 0 {
		for _, f := range rows {
			counted.Add(w.Start, f)
		}
		s.publish(topology.WindowsSubject(id, s.store.Epoch), &w)
		analysis, err := counted.Analysis(w)
		if err != nil {
			s.t.Fatal(err)
		}
		s.publish(topology.AnalysisSubject(id, s.store.Epoch, w.Start), &analysis)
	}
	s.publish(topology.PeriodsSubject(id, s.store.Epoch), &p)
	return (&period{Period: p}).report()
}

// rowsLeft counts the rows of a replay that are in the stream.
func (s *scene) rowsLeft(id string) (n int) {
	s.t.Helper()
	for _, err := range bus.Scan(s.t.Context(), s.store.JetStream, bus.Range{Stream: topology.Replays, Filter: topology.ReplaySubject(id), Hi: 1 << 60}) {
		if err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	return n
}

func TestReplay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	rows := failures(3, 0, start, kindA)
	slices.Reverse(rows) // newest first: the query's order, not that of time
	report := s.replay("r-1", rows, nil)
	other := failures(2, 7, start, kindA)
	for _, f := range other {
		s.entry(topology.ReplaySubject("r-2"), f, event.Header{Time: f.Committed, Live: true})
	}
	stop := s.run()
	o := s.outcome("r-1", report)
	if o.Matched != 3 || len(o.Funnel) != 4 || o.Failed != "" {
		t.Errorf("outcome = %+v", o)
	}
	testkit.WaitLog(t, s.logs, wait, "report written") // the purge is done
	stop()
	s.golden("replay")
	if got := s.rows("2026-11-25/error_logs_full_101530.json")[0]["request_id"]; got != "req-2" {
		t.Errorf("first row is %v", got)
	}
	if a, b := s.rowsLeft("r-1"), s.rowsLeft("r-2"); a != 0 || b != 2 {
		t.Errorf("rows left: %d of this replay, %d of another", a, b)
	}
	if _, found, err := bus.Last(t.Context(), s.store.JetStream, topology.Replays, topology.ReplayEndSubject("r-1")); err != nil || !found {
		t.Errorf("the end marker is gone: %v", err)
	}
}

// TestAckWasLost: what was finished is not written again, not even to another
// folder, when its period is delivered once more.
func TestAckWasLost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	report := s.replay("r-1", failures(3, 0, start, kindA), nil)
	stop := s.run()
	testkit.WaitLog(t, s.logs, wait, "report written")
	stop()
	s.dir = t.TempDir()
	s.publish(topology.PeriodsSubject("r-1", s.store.Epoch), &event.Period{V: 1, Run: "r-1", Epoch: s.store.Epoch, Start: start, N: 3, Lo: 1, Hi: 3, Rules: s.rules()})
	next := s.live(start).close()
	defer s.run()()
	s.outcome(event.RunLive, next.report())
	if files := s.files(); len(files) > 0 {
		t.Errorf("files %q of %s", files, report)
	}
}

// TestTwoReplaysInOneSecond get different names.
func TestTwoReplaysInOneSecond(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	one, two := s.replay("r-1", failures(1, 0, start, kindA), nil), s.replay("r-2", failures(1, 1, start, kindA), nil)
	defer s.run()()
	if f := s.outcome("r-1", one).Files; f[0] != "error_logs_full_101530.json" {
		t.Errorf("first: %q", f)
	}
	if f := s.outcome("r-2", two).Files; f[0] != "error_logs_full_101531.json" {
		t.Errorf("second: %q", f)
	}
}

func TestReplayThatFindsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	report := s.replay("r-1", nil, func(e *event.ReplayEnd) { e.Hi = 0 })
	defer s.run()()
	o := s.outcome("r-1", report)
	if o.Matched != 0 || len(o.Funnel) != 4 || !slices.Equal(o.Files, []string{"query_params_101530.json"}) {
		t.Errorf("outcome = %+v", o)
	}
	if diff := cmp.Diff([]string{"2026-11-25/query_params_101530.json"}, s.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	s.golden("nothing_found")
}

func TestReplayThatFailed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	report := s.replay("r-1", failures(2, 0, start, kindA), func(e *event.ReplayEnd) { e.Failed = "the database went away" })
	stop := s.run()
	o := s.outcome("r-1", report)
	if o.Failed != "the database went away" || !slices.Equal(o.Files, []string{"query_params_101530.json"}) {
		t.Errorf("outcome = %+v", o)
	}
	if p := s.params("2026-11-25/query_params_101530.json"); p.Failed != "the database went away" || p.Result.Failures != 0 {
		t.Errorf("query_params = %+v", p)
	}
	testkit.WaitLog(t, s.logs, wait, "report written")
	stop()
	if n := s.rowsLeft("r-1"); n != 0 {
		t.Errorf("%d rows left", n)
	}
}

// TestExplicitLimitLiftsTheCaps, an ordinary one doesn't.
func TestExplicitLimitLiftsTheCaps(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.config.Output.MaxRows = 10
	capped := s.replay("r-1", failures(30, 0, start, kindA), nil)
	lifted := s.replay("r-2", failures(30, 0, start, kindA), func(e *event.ReplayEnd) { e.Request.Query.ExplicitLimit = true })
	defer s.run()()
	s.outcome("r-1", capped)
	s.outcome("r-2", lifted)
	if a, b := len(s.rows("2026-11-25/error_logs_full_101530.json")), len(s.rows("2026-11-25/error_logs_full_101531.json")); a != 10 || b != 30 {
		t.Errorf("rows: %d capped, %d with --limit", a, b)
	}
}

func TestReplayWithoutLLM(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	report := s.replay("r-1", failures(2, 0, start, kindA), func(e *event.ReplayEnd) { e.Request.NoLLM = true })
	defer s.run()()
	s.outcome("r-1", report) // waits for nothing
	if text := s.read("2026-11-25/llm_analysis_101530.txt"); !strings.Contains(text, "LLM off: this replay was asked for without it (--no-llm)") {
		t.Errorf("text:\n%s", text)
	}
}

// TestReplayOfAnyTime: without a time filter the range has no ends.
func TestReplayOfAnyTime(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	report := s.replay("r-1", failures(2, 0, start, kindA), func(e *event.ReplayEnd) {
		e.Start, e.End = time.Time{}, time.Time{}
		e.Request.Query.TimeFilter, e.Request.Query.Start, e.Request.Query.End = false, nil, nil
	})
	defer s.run()()
	if o := s.outcome("r-1", report); o.Matched != 2 {
		t.Errorf("outcome = %+v", o)
	}
	if p := s.params("2026-11-25/query_params_101530.json"); p.Start != nil || p.End != nil || p.Settings.Query.StartTime != nil {
		t.Errorf("query_params = %+v", p)
	}
}

// TestOutcomeIsMadeUp: the files are complete, but the process died before it
// said so.
func TestOutcomeIsMadeUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	rows := failures(3, 0, start, kindA)
	report := s.replay("r-1", rows, nil)
	stop := s.run()
	testkit.WaitLog(t, s.logs, wait, "report written")
	stop()
	if err := s.store.State.Delete(t.Context(), topology.OutcomeKey("r-1")); err != nil {
		t.Fatal(err)
	}
	before := s.read("2026-11-25/query_params_101530.json")
	again := newLike(s, rows)
	defer again.run()()
	if o := again.outcome("r-1", report); o.Matched != 3 || len(o.Files) != 4 {
		t.Errorf("outcome = %+v", o)
	}
	if files := again.files(); len(files) != 4 || again.read("2026-11-25/query_params_101530.json") != before {
		t.Errorf("files %q", files)
	}
}

// newLike is the state of s before its rows were purged and its period was acked.
func newLike(s *scene, rows []*event.Failure) *scene {
	s.t.Helper()
	end, _, err := bus.Last(s.t.Context(), s.store.JetStream, topology.Replays, topology.ReplayEndSubject("r-1"))
	if err != nil {
		s.t.Fatal(err)
	}
	marker, err := event.Decode[event.ReplayEnd](end.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, f := range rows {
		seq := s.entry(topology.ReplaySubject("r-1"), f, event.Header{Time: f.Committed, Live: true})
		if i == 0 {
			marker.Lo = seq
		}
		marker.Hi = seq
	}
	s.publish(topology.PeriodsSubject("r-1", s.store.Epoch), &event.Period{
		V: event.Version, Run: "r-1", Epoch: s.store.Epoch, Start: marker.Start, End: marker.End, Lo: marker.Lo, Hi: marker.Hi, N: marker.N, First: marker.Start, Last: marker.Start, Rules: s.rules(),
	})
	return s
}
