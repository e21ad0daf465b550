package explainer

import (
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := backoff(i+1, 0); got != want*time.Minute {
			t.Errorf("after %d tries: %s, want %s", i+1, got, want*time.Minute)
		}
	}
	if got := backoff(1000, 0); got != time.Hour {
		t.Errorf("after 1000 tries: %s", got)
	}
	for _, test := range []struct {
		tries int
		after time.Duration
		want  time.Duration
	}{
		{1, 2 * time.Second, 2 * time.Second},
		{2, 2 * time.Second, 2 * time.Second},
		{3, 2 * time.Second, 4 * time.Minute}, // it has asked for too little twice
		{3, 5 * time.Minute, 5 * time.Minute},
		{9, 6 * time.Hour, 6 * time.Hour},
	} {
		if got := backoff(test.tries, test.after); got != test.want {
			t.Errorf("after %d tries and Retry-After %s: %s, want %s", test.tries, test.after, got, test.want)
		}
	}
}

func TestSpent(t *testing.T) {
	t.Parallel()
	limits := config.LLM{CallsPerHour: 2, CallsPerDay: 3}
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var s spent
	spend := func(now time.Time) (string, time.Time) {
		t.Helper()
		s = s.at(now)
		why, until := s.exhausted(limits)
		if why == "" {
			s.HourCalls++
			s.DayCalls++
		}
		return why, until
	}
	const hourly, daily = "2 calls an hour (llm.calls_per_hour) are spent", "3 calls a day (llm.calls_per_day) are spent"
	for i, step := range []struct {
		now   time.Time
		why   string
		until time.Time
	}{
		{now: noon.Add(10 * time.Minute)},
		{now: noon.Add(59 * time.Minute)},
		{noon.Add(59 * time.Minute), hourly, noon.Add(time.Hour)},
		{noon.Add(-10 * time.Minute), hourly, noon.Add(time.Hour)}, // a clock that is a little behind
		{now: noon.Add(time.Hour)},
		{noon.Add(2 * time.Hour), daily, noon.Add(12 * time.Hour)},
		{now: noon.Add(12 * time.Hour)},
		{now: noon.Add(-100 * time.Hour)}, // the clock was wrong for days
	} {
		if why, until := spend(step.now); why != step.why || !until.Equal(step.until) {
			t.Errorf("step %d: %q until %s, want %q until %s", i, why, until, step.why, step.until)
		}
	}
	none := config.LLM{CallsPerDay: 5}
	if why, _ := (spent{}).at(noon).exhausted(none); why != "0 calls an hour (llm.calls_per_hour) are spent" {
		t.Errorf("no calls allowed: %q", why)
	}
	if hour, today := (spent{HourCalls: 9, DayCalls: 9}).left(limits); hour != 0 || today != 0 {
		t.Errorf("left %d and %d", hour, today)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var e endpoint
	if e.isBlocked(now) || e.calls() != maxCalls {
		t.Error("a fresh endpoint is not asked")
	}
	e.failed("down", now.Add(2*time.Minute))
	e.failed("down", now.Add(time.Minute)) // a call that ran beside it
	if !e.isBlocked(now.Add(time.Minute)) || e.isBlocked(now.Add(2*time.Minute)) {
		t.Error("blocked until the longest wait is over")
	}
	if e.calls() != 1 {
		t.Errorf("%d calls at once to an endpoint that failed last", e.calls())
	}
	e.answered()
	if e.isBlocked(now) || e.calls() != maxCalls {
		t.Error("an answer doesn't open it")
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	q := queue{
		"waits":  {fingerprint: "waits", failures: 100, next: now.Add(time.Minute)},
		"later":  {fingerprint: "later", failures: 90, next: now.Add(time.Hour)},
		"asking": {fingerprint: "asking", failures: 80, asking: true},
		"tried":  {fingerprint: "tried", failures: 7, tries: 1, next: now},
		"b":      {fingerprint: "b", failures: 7},
		"a":      {fingerprint: "a", failures: 7},
		"small":  {fingerprint: "small", failures: 1},
	}
	var order []string
	for k := q.largestDue(now); k != nil; k = q.largestDue(now) {
		order = append(order, k.fingerprint)
		k.asking = true
	}
	want := []string{"a", "b", "tried", "small"}
	if len(order) != len(want) {
		t.Fatalf("order %v", order)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Errorf("order %v, want %v", order, want)
			break
		}
	}
	if got := q.wake(now); !got.Equal(now.Add(time.Minute)) {
		t.Errorf("wakes at %s", got)
	}
	if got := (queue{}).wake(now); !got.IsZero() {
		t.Errorf("an empty queue wakes at %s", got)
	}
}

// A request that is newer than its explanation outlives it: the kind is asked about
// again when that has gone.
func TestSettle(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const age = 30 * 24 * time.Hour
	for name, test := range map[string]struct {
		asked, stored, next time.Time // next zero = done
		age                 time.Duration
	}{
		"explained after it was asked": {asked: now.Add(-time.Hour), stored: now, age: age},
		"asked again":                  {asked: now, stored: now.Add(-age / 2), age: age, next: now.Add(age / 2)},
		"kept for ever":                {asked: now, stored: now.Add(-age), age: 0},
		"should have gone":             {asked: now, stored: now.Add(-2 * age), age: age, next: now.Add(firstWait)},
	} {
		k := &kind{fingerprint: "f1-a", asked: test.asked}
		d := &desk{kinds: queue{"f1-a": k}, explained: map[string]time.Time{}, age: test.age}
		d.settle(k, test.stored)
		if waits := len(d.kinds) == 1; waits == test.next.IsZero() || waits && k.next.Sub(test.next).Abs() > 10*time.Second {
			t.Errorf("%s: in the queue %t, next %s", name, waits, k.next)
		}
		if !d.explained["f1-a"].Equal(test.stored) {
			t.Errorf("%s: explained %v", name, d.explained)
		}
	}
}
