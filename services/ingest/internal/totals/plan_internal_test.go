package totals

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestPlan lets time go by, in steps as rounds come, and looks whether every minute
// was counted when it was over and at every age since.
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)
		counted := map[time.Time]time.Time{}
		times := map[time.Time][]time.Duration{}
		begin := now.Truncate(time.Minute).Add(-firstSpan)
		for range rapid.IntRange(1, 15).Draw(t, "rounds") {
			most := time.Duration(rapid.SampledFrom([]int{1, 7, 15}).Draw(t, "most")) * time.Minute
			last := newest(counted)
			for _, s := range plan(now, counted, most) {
				if !s.from.Before(s.to) || s.to.Sub(s.from) > most || s.to.After(now) {
					t.Fatalf("at %s: span %v", now, s)
				}
				for minute := s.from; minute.Before(s.to); minute = minute.Add(time.Minute) {
					if minute.After(last) && !last.IsZero() && !minute.Equal(last.Add(time.Minute)) {
						t.Fatalf("at %s: %s is counted before the minutes behind %s", now, minute, last)
					}
					last = later(last, minute)
					counted[minute] = now
					times[minute] = append(times[minute], now.Sub(minute.Add(time.Minute)))
				}
			}
			for minute := begin; minute.Before(now.Truncate(time.Minute)); minute = minute.Add(time.Minute) {
				age := now.Sub(minute.Add(time.Minute))
				reached := 0
				for _, a := range ages() {
					if a <= age {
						reached++
					}
				}
				if got := times[minute]; len(got) == 0 || len(got) > reached || isDue(minute.Add(time.Minute), counted[minute], now) {
					t.Fatalf("at %s minute %s was counted %d times, at ages %v", now, minute, len(got), got)
				}
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes"))*time.Minute + time.Duration(rapid.IntRange(-30, 30).Draw(t, "seconds"))*time.Second)
		}
	})
}

// TestPlanCost fixes what a minute costs when rounds come each minute: nine minutes
// of rows, in few queries.
func TestPlanCost(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)
	counted := map[time.Time]time.Time{}
	var rows, queries int
	for range 200 {
		rows, queries = 0, 0
		for _, s := range plan(now, counted, mostSpan) {
			queries++
			for minute := s.from; minute.Before(s.to); minute = minute.Add(time.Minute) {
				counted[minute] = now
				rows++
			}
		}
		now = now.Add(time.Minute)
	}
	if rows != 9 || queries > 8 {
		t.Errorf("a round counts %d minutes by %d queries", rows, queries)
	}
}

func TestPlanAfterAWeekOff(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)
	week := now.Truncate(time.Minute).Add(-7 * 24 * time.Hour)
	spans := plan(now, map[time.Time]time.Time{week: week.Add(time.Minute + 5*time.Second)}, mostSpan)
	if first := spans[0].from; !first.Equal(now.Truncate(time.Minute).Add(-mostBehind)) {
		t.Errorf("begins at %s", first)
	}
}

// TestTally counts a minute again and again, with rows that come late and rows that
// are deleted.
func TestTally(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		models := rapid.SliceOfN(rapid.StringN(0, 3, -1), 1, 2*event.MaxTrafficModels).Draw(t, "models")
		var before *event.Traffic
		for range rapid.IntRange(1, 4).Draw(t, "counts") {
			tally, total := newTally(before), event.Rate{}
			for _, model := range models {
				r := event.Rate{Requests: rapid.IntRange(0, 5).Draw(t, "requests")}
				r.Failed = rapid.IntRange(0, r.Requests).Draw(t, "failed")
				tally.add(model, r)
				total = total.Plus(r)
			}
			got := tally.traffic(time.Time{}, time.Time{})
			if len(got.Models) > event.MaxTrafficModels {
				t.Fatalf("%d models", len(got.Models))
			}
			if sum := got.Total(); sum != sum.AtLeast(total) || before == nil && sum != total || sum.Failed > sum.Requests {
				t.Fatalf("counted %v, says %v", total, sum)
			}
			if before != nil {
				for _, m := range before.Models {
					i := slices.IndexFunc(got.Models, func(n event.ModelRate) bool { return n.Model == m.Model })
					if i < 0 || got.Models[i].Rate != got.Models[i].AtLeast(m.Rate) {
						t.Fatalf("%q had %v before, now %v", m.Model, m.Rate, got.Models)
					}
				}
				if got.Other != got.Other.AtLeast(before.Other) {
					t.Fatalf("the others had %v before, now %v", before.Other, got.Other)
				}
			}
			before = got
		}
	})
}
