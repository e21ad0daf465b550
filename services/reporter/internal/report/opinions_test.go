package report_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

const (
	textFile   = "2026-11-23/llm_analysis_100000.txt"
	paramsFile = "2026-11-23/query_params_100000.json"
	fullFile   = "2026-11-23/error_logs_full_100000.json"
)

// errorLogs waits until the two error_logs files, and they alone, are there.
func (s *scene) errorLogs() {
	s.t.Helper()
	want := set("100000")[:2]
	testkit.Eventually(s.t, wait, "the error_logs files", func() bool { return slices.Equal(want, s.files()) })
}

// TestExplanationComesLater: the error_logs files don't wait for it, the text does.
func TestExplanationComesLater(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	p := s.live(start).window(start, append(failures(3, 0, start, kindA), failures(2, 3, start, kindB)...)...).analyse().close()
	defer s.run()()
	s.errorLogs()
	s.explain(kindA.fingerprint, "a burst of the agent key")
	s.pend(kindB.fingerprint, event.Pending{Why: "20 calls this hour are spent", Budget: true}) // is not waited for
	if o := s.outcome(event.RunLive, p.report()); o.Pending != 1 || o.Kinds != 2 {
		t.Errorf("outcome = %+v", o)
	}
	report := s.read(textFile)
	for _, line := range []string{
		"hypothesis (qwen3-30b, 11:00): a burst of the agent key", "advice: look",
		"explanation pending: budget: 20 calls this hour are spent", "1 of 2 kinds without an explanation yet: budget: 20 calls",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("the text lacks %q:\n%s", line, report)
		}
	}
	params := s.params(paramsFile)
	if params.Result.Explained != 1 || params.Result.Pending != 1 || params.Settings.LLM.APIURL != "http://llm.example/v1" || strings.Contains(s.read(paramsFile), "secret") {
		t.Errorf("query_params = %+v", params)
	}
	if n := s.writer.Waiting(); n > 1 { // its own handler may still be returning
		t.Errorf("%d reports wait", n)
	}
}

// TestOthersAreWrittenMeanwhile: a period that waits holds up no other.
func TestOthersAreWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	first := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	second := s.live(start.Add(time.Hour)).window(start.Add(time.Hour), failures(2, 3, start.Add(time.Hour), kindB)...).analyse().close()
	s.explain(kindB.fingerprint, "slow upstream")
	defer s.run()()
	s.outcome(event.RunLive, second.report())
	if slices.Contains(s.files(), textFile) {
		t.Error("the first report is complete")
	}
	s.explain(kindA.fingerprint, "a burst")
	testkit.Eventually(t, wait, "the first report", func() bool { return slices.Contains(s.files(), paramsFile) })
	// What became of a period that comes late doesn't hide that of a later one.
	s.outcome(event.RunLive, second.report())
	if len(s.files()) != 8 {
		t.Errorf("files %q, first %s", s.files(), first.report())
	}
}

func TestExplanationDoesNotCome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pending *event.Pending
		line    string
	}{
		"why is known": {&event.Pending{Why: "llm.url answered 500", Tries: 2, Next: start.Add(90 * time.Minute)}, "explanation pending: llm.url answered 500 (asked again 2026-11-23 11:30)"},
		"nobody knows": {nil, "explanation pending: no answer within llm.timeout (5m0s)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t).withLLM(5 * time.Minute)
			s.now = func() time.Time { return time.Now().Add(5 * time.Minute) }
			p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
			if test.pending != nil {
				s.pend(kindA.fingerprint, *test.pending)
			}
			defer s.run()()
			s.outcome(event.RunLive, p.report())
			if report := s.read(textFile); !strings.Contains(strings.ReplaceAll(report, "(asked again 11:30)", "(asked again 2026-11-23 11:30)"), test.line) {
				t.Errorf("the text lacks %q:\n%s", test.line, report)
			}
		})
	}
}

// TestFailingLLMIsWaitedFor: what failed once may still be answered in time.
func TestFailingLLMIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	s.pend(kindA.fingerprint, event.Pending{Why: "llm.url answered 500", Next: start})
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	defer s.run()()
	s.errorLogs()
	testkit.WaitLog(t, s.logs, wait, "message postponed")
	s.explain(kindA.fingerprint, "second try")
	s.outcome(event.RunLive, p.report())
	if report := s.read(textFile); !strings.Contains(report, "second try") || strings.Contains(report, "pending") {
		t.Errorf("text:\n%s", report)
	}
}

// TestNoiseIsNotWaitedFor: nobody explains our own calls and health checks.
func TestNoiseIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	own := failure(1, start, kindB)
	own.Own = true
	p := s.live(start).window(start, own).analyse().close()
	defer s.run()()
	if o := s.outcome(event.RunLive, p.report()); o.Pending != 0 || o.Matched != 1 {
		t.Errorf("outcome = %+v", o)
	}
	if len(s.rows(fullFile)) != 1 {
		t.Error("the row is not in the files")
	}
}

// TestRestartWhileWaiting: the next process finds the files that are there, leaves
// them as they are and adds the others.
func TestRestartWhileWaiting(t *testing.T) {
	t.Parallel()
	s := newScene(t).withLLM(time.Hour)
	p := s.live(start).window(start, failures(3, 0, start, kindA)...).analyse().close()
	stop := s.run()
	s.errorLogs()
	stop()
	before, err := os.Stat(filepath.Join(s.dir, fullFile))
	if err != nil {
		t.Fatal(err)
	}
	s.explain(kindA.fingerprint, "a burst")
	stop = s.run()
	o := s.outcome(event.RunLive, p.report())
	after, err := os.Stat(filepath.Join(s.dir, fullFile))
	if err != nil || !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
		t.Errorf("the file was written again: %v, %v", after, err)
	}
	if diff := cmp.Diff(set("100000"), s.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if r := s.params(paramsFile).Result; r.RowsFull != 3 || r.RowsAnalysis != 3 {
		t.Errorf("rows of files from before: %+v", r)
	}
	stop()

	// Delivered once more when all is there, also to a process that knows nothing:
	// nothing is written.
	s.publish("periods.live."+s.store.Epoch, &p.Period)
	next := s.live(start.Add(time.Hour)).close()
	stop = s.run()
	s.outcome(event.RunLive, next.report())
	stop()
	if diff := cmp.Diff(set("100000"), s.files()); diff != "" {
		t.Errorf("files after another delivery (-want +got):\n%s", diff)
	}
	if o.At.IsZero() {
		t.Error("no time")
	}
}
