package testkit_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// recorder is a test that keeps its failure to itself. Only what the kit calls
// is there.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = fmt.Sprintf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func TestLogsKeepEveryAttribute(t *testing.T) {
	t.Parallel()
	logs := testkit.NewLogs()
	cause := errors.New("cause")
	log := logs.Logger(t).With("component", "c").WithGroup("g").With("a", 1)
	log.Error("text", "error", cause, slog.Group("inner", "b", true), slog.Group("", "c", "inline"))
	want := []testkit.LogEntry{{Level: slog.LevelError, Message: "text", Attrs: map[string]any{
		"component": "c", "g.a": int64(1), "g.error": cause, "g.inner.b": true, "g.c": "inline",
	}}}
	if diff := cmp.Diff(want, logs.Entries(), cmp.Comparer(errors.Is)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWaitLogSeesPastAndFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logs := testkit.NewLogs()
		log := logs.Logger(t)
		log.Info("past 1")
		log.Info("past 2")
		if e := testkit.WaitLog(t, logs, time.Second, "past"); e.Message != "past 1" {
			t.Errorf("found %q, want the first", e.Message)
		}
		go func() {
			for i := range 5 {
				<-time.After(time.Minute) // of the bubble's clock
				log.Info("future", "i", i)
			}
		}()
		e := logs.Wait(t, time.Hour, "the third", func(e testkit.LogEntry) bool { return e.Attrs["i"] == int64(2) })
		if e.Message != "future" {
			t.Errorf("found %+v", e)
		}
		logs.Wait(t, time.Hour, "the last", func(e testkit.LogEntry) bool { return e.Attrs["i"] == int64(4) })
	})
}

func TestWaitLogEndsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logs := testkit.NewLogs()
		logs.Logger(t).Info("something else")
		r := &recorder{TB: t}
		went := false
		done := make(chan struct{})
		go func() {
			defer close(done)
			testkit.WaitLog(r, logs, time.Second, "never")
			went = true
		}()
		<-done
		if went || r.failed != "not within 1s: a log message with never" {
			t.Errorf("went on %t, failure %q", went, r.failed)
		}
	})
}

func TestEventually(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := &recorder{TB: t}
		if !testkit.Eventually(r, time.Minute, "later", func() bool { return time.Since(began) > time.Second }) || r.failed != "" {
			t.Errorf("what came true is false, failure %q", r.failed)
		}
		if testkit.Eventually(r, time.Minute, "never", func() bool { return false }) || r.failed != "not within 1m0s: never" {
			t.Errorf("what stayed false is true, failure %q", r.failed)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// A goroutine that outlives its test, by a little, must not bring down the rest.
func TestLoggerOutlivesItsTest(t *testing.T) {
	t.Parallel()
	var log *slog.Logger
	t.Run("inner", func(t *testing.T) { log = testkit.Logger(t) })
	log.Info("too late")
}
