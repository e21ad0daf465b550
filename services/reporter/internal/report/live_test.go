package report_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares the set with testdata/name; what changes with every run is
// replaced.
func (s *scene) golden(name string) {
	s.t.Helper()
	for _, file := range s.files() {
		got := strings.NewReplacer(s.dir, "OUTPUT", s.store.Epoch, "EPOCH").Replace(s.read(file))
		path := filepath.Join("testdata", name, filepath.FromSlash(file))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				s.t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			s.t.Errorf("%s changed (-golden +now):\n%s", file, diff)
		}
	}
}

func set(stamp string) []string {
	return []string{
		"2026-11-23/error_logs_analysis_" + stamp + ".json", "2026-11-23/error_logs_full_" + stamp + ".json",
		"2026-11-23/llm_analysis_" + stamp + ".txt", "2026-11-23/query_params_" + stamp + ".json",
	}
}

func TestLiveReport(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	own := failure(100, start.Add(12*time.Minute), kindB)
	own.Own = true
	health := failure(101, start.Add(13*time.Minute), kindB)
	health.HealthCheck = true
	p := s.live(start).
		window(start, failures(3, 0, start.Add(time.Second), kindA)...).
		window(start.Add(10*time.Minute), failure(50, start.Add(11*time.Minute), kindB), own, health).
		analyse().close()
	defer s.run()()
	o := s.outcome(event.RunLive, p.report())

	if diff := cmp.Diff(set("100000"), s.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	want := event.Outcome{
		V: 1, Run: "live", Report: p.report(), Start: p.Start, End: p.End, Matched: 6, Kinds: 2, Pending: 2, Dir: filepath.Join(s.dir, "2026-11-23"),
		Files: []string{"error_logs_full_100000.json", "error_logs_analysis_100000.json", "llm_analysis_100000.txt", "query_params_100000.json"},
		At:    o.At, Top: o.Top,
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if len(o.Top) != 2 || o.Top[0].Failures != 3 || o.Top[0].Exemplars != nil {
		t.Errorf("top = %+v", o.Top)
	}
	s.golden("live")
	// The rows are the ones of the log, byte for byte, in its order, history not among them.
	rows := failures(3, 0, start, kindA)
	rows = append(rows, failure(50, start, kindB), own, health)
	var lines []string
	for _, f := range rows {
		lines = append(lines, string(f.Row))
	}
	if got, want := s.read("2026-11-23/error_logs_full_100000.json"), "[\n"+strings.Join(lines, ",\n")+"\n]\n"; got != want {
		t.Errorf("full file\n%s, want\n%s", got, want)
	}
}

// TestExactlySevenFields: the short file has the old tool's fields, null where
// there is nothing and ” where that is stored.
func TestExactlySevenFields(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	f := failure(1, start, kindA)
	f.Log = event.LogEntry{KeyName: new(""), ErrorMessage: new("")}
	p := s.live(start).window(start, f).analyse().close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	want := `[
{"request_id":null,"time":null,"model":null,"key_name":"","status":null,"error_type":null,"error_message":""}
]
`
	if diff := cmp.Diff(want, s.read("2026-11-23/error_logs_analysis_100000.json")); diff != "" {
		t.Errorf("short file (-want +got):\n%s", diff)
	}
}

func TestNoFailuresNoFiles(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).close()
	defer s.run()()
	if o := s.outcome(event.RunLive, p.report()); o.Matched != 0 || o.Dir != "" || o.Files != nil {
		t.Errorf("outcome = %+v", o)
	}
	if files := s.files(); len(files) > 0 {
		t.Errorf("files %q", files)
	}
	if n := testutil.CollectAndCount(s.metrics, "faultwire_report_last_success_timestamp_seconds"); n != 1 {
		t.Errorf("an empty period is a success: %d", n)
	}
}

func TestFilesThatAreNotWanted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.config.Output.SaveFullLogs, s.config.Output.SaveLLMResult = false, false
	s.withLLM(wait) // nothing waits for it
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	if diff := cmp.Diff([]string{"2026-11-23/error_logs_analysis_100000.json", "2026-11-23/query_params_100000.json"}, s.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	params := s.params("2026-11-23/query_params_100000.json")
	if params.Result.RowsFull != 0 || params.Result.RowsAnalysis != 3 || strings.Contains(s.read("2026-11-23/query_params_100000.json"), "secret") {
		t.Errorf("query_params: %+v", params)
	}
}

func TestCaps(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.config.Output.MaxRows = 50
	rare := kindB
	all := slices.Concat(failures(60, 0, start, kindA), failures(25, 60, start.Add(time.Minute), rare))
	p := s.live(start).window(start, all...).analyse().close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	rows := s.rows("2026-11-23/error_logs_full_100000.json")
	var numbers []string
	for _, row := range rows {
		numbers = append(numbers, row["request_id"].(string))
	}
	var want []string
	for _, f := range slices.Concat(all[:30], all[60:80]) {
		want = append(want, *f.Log.RequestID)
	}
	if diff := cmp.Diff(want, numbers); diff != "" {
		t.Errorf("rows of the full file (-want +got):\n%s", diff)
	}
	if n := len(s.rows("2026-11-23/error_logs_analysis_100000.json")); n != 85 {
		t.Errorf("short file has %d rows", n)
	}
	report := s.read("2026-11-23/llm_analysis_100000.txt")
	for _, line := range []string{
		"85 failures", "error_logs_full (50 of 85 rows)",
		`error_logs_full: matched 85, written 50, the first 20 of each kind, then in order (output.max_rows); all of them: faultwire replay --start "2026-11-23 01:59:53"`,
	} {
		if !strings.Contains(report, line) {
			t.Errorf("the text lacks %q:\n%s", line, report)
		}
	}
	if r := s.params("2026-11-23/query_params_100000.json").Result; r.Failures != 85 || r.RowsFull != 50 || r.RowsAnalysis != 85 {
		t.Errorf("result = %+v", r)
	}
}

// TestIncomplete: entries were discarded from the log before the report was made.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(10, 0, start, kindA)...).analyse().close()
	stream, err := s.store.JetStream.Stream(t.Context(), topology.Failures)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{p.Lo + 1, p.Lo + 2, p.Lo + 5} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	defer s.run()()
	if o := s.outcome(event.RunLive, p.report()); o.Matched != 7 {
		t.Errorf("matched %d", o.Matched)
	}
	report := s.read("2026-11-23/llm_analysis_100000.txt")
	for _, line := range []string{
		"INCOMPLETE: 7 of 10 failures;", "counted 10 failures, this report found 7.",
		`faultwire replay --start "2026-11-23 01:59:55" --end "2026-11-23 03:00:00" --limit 0`,
	} {
		if !strings.Contains(report, line) {
			t.Errorf("the text lacks %q:\n%s", line, report)
		}
	}
	if r := s.params("2026-11-23/query_params_100000.json").Result; r.Failures != 7 || r.Missing != 3 {
		t.Errorf("result = %+v", r)
	}
	if n := testutil.ToFloat64(s.metrics.Mismatches()); n != 1 {
		t.Errorf("mismatches = %v", n)
	}
}

// TestGap: a report of a time of which failures may be missing says so, and one that
// has such failures says that they are late.
func TestGap(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	late := failures(3, 0, start.Add(time.Second), kindA)
	late[1].Gap = true
	p := s.live(start).window(start, late...).analyse()
	p.Gap = true
	p.close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	text := s.read("2026-11-23/llm_analysis_100000.txt")
	for _, want := range []string{"INCOMPLETE: failures of this time may be missing.", "could not be read in time: 1 failure."} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if r := s.params("2026-11-23/query_params_100000.json").Result; !r.Incomplete || r.Late != 1 {
		t.Errorf("query_params %+v", r)
	}
}

func TestDamagedEntry(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(2, 0, start, kindA)...).analyse()
	p.Hi = p.entry(topology.FailureSubject(event.ClassQuota), json.RawMessage(`{"v":1,"log":7}`), event.Header{Time: start, Live: true})
	p.N++
	p.windows[0].Hi, p.windows[0].N = p.Hi, p.N
	p.close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	if report := s.read("2026-11-23/llm_analysis_100000.txt"); !strings.Contains(report, "INCOMPLETE: 2 of 3 failures") || !strings.Contains(report, "Damaged in the log and not counted: 1 of its entries.") {
		t.Errorf("the text says nothing of it:\n%s", report)
	}
}

// TestAnalysisDiffers: a report never believes an analysis.
func TestAnalysisDiffers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).window(start.Add(10*time.Minute), failures(2, 3, start, kindB)...)
	p.analyses[0].Batches[0].Key = "somebody else"
	p.analyses[1] = event.Analysis{V: 1, Window: p.windows[1], Failed: "the log was purged"}
	p.analyse().close()
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	report := s.read("2026-11-23/llm_analysis_100000.txt")
	for _, line := range []string{"5 failures", "puts its 3 failures into other batches", "The analysis of window 2026-11-23 10:10:00 failed: the log was purged."} {
		if !strings.Contains(report, line) {
			t.Errorf("the text lacks %q:\n%s", line, report)
		}
	}
}

// TestFilesWaitForTheAnalyses, but not for ever.
func TestFilesWaitForTheAnalyses(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).close()
	stop := s.run()
	testkit.WaitLog(t, s.logs, wait, "message postponed")
	if files := s.files(); len(files) > 0 {
		t.Errorf("files %q", files)
	}
	p.analyse()
	s.outcome(event.RunLive, p.report())
	stop()

	late := newScene(t)
	late.now = func() time.Time { return time.Now().Add(11 * time.Second) }
	p = late.live(start).window(start, failures(3, 0, start, kindA)...).close()
	defer late.run()()
	late.outcome(event.RunLive, p.report())
	if report := late.read("2026-11-23/llm_analysis_100000.txt"); !strings.Contains(report, "1 of 1 windows have no analysis: is the analyzer running?") {
		t.Errorf("the text says nothing of it:\n%s", report)
	}
}

// TestAnotherProcessWritesIt: a set is written by one process at a time.
func TestAnotherProcessWritesIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	folder, err := dayfile.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := folder.Claim(p.report(), start.In(time.FixedZone("", 8*3600)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.run()()
	testkit.WaitLog(t, s.logs, wait, "message postponed")
	if files := s.files(); len(files) > 0 {
		t.Errorf("files %q", files)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	s.outcome(event.RunLive, p.report())
	if diff := cmp.Diff(set("100000"), s.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestAnotherEpoch: what belongs to a log that is gone can't be written.
func TestAnotherEpoch(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start)
	p.Epoch, p.N = "gone", 3
	p.close()
	next := s.live(start.Add(time.Hour)).close()
	defer s.run()()
	s.outcome(event.RunLive, next.report())
	e := testkit.WaitLog(t, s.logs, wait, "dead letter")
	if err, ok := e.Attrs["error"].(error); !ok || !strings.Contains(err.Error(), `faultwire replay --start "2026-11-23 02:00:00" --end "2026-11-23 03:00:00" --limit 0`) {
		t.Errorf("logged %v", e.Attrs)
	}
	if files := s.files(); len(files) > 0 {
		t.Errorf("files %q", files)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	s.now = func() time.Time { return p.End.Add(4 * time.Second) }
	defer s.run()()
	s.outcome(event.RunLive, p.report())
	testkit.WaitLog(t, s.logs, wait, "report written")
	want := `
# HELP faultwire_report_last_success_timestamp_seconds When the last live report was finished; a period without failures counts.
# TYPE faultwire_report_last_success_timestamp_seconds gauge
faultwire_report_last_success_timestamp_seconds 1.795402804e+09
# HELP faultwire_reports_total Reports by what became of them: written, empty (no failures), failed (an attempt that is repeated, or a replay that could not be read).
# TYPE faultwire_reports_total counter
faultwire_reports_total{outcome="written"} 1
`
	if err := testutil.CollectAndCompare(s.metrics, strings.NewReader(want), "faultwire_report_last_success_timestamp_seconds", "faultwire_reports_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(s.metrics); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	s.metrics.SetActive(false)
	if n := testutil.CollectAndCount(s.metrics); n != 0 {
		t.Errorf("a standby exports %d metrics", n)
	}
}
