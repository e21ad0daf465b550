package counters_test

import (
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/reporter/internal/counters"
)

// TestCaptured: what the log holds is counted by the minute it began in, once over a
// restart; of history too, but not what LiteLLM counts as a success.
func TestCaptured(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	heartbeat(t, store, start)
	for i := range 4 {
		f := someFailure(i)
		f.Started = start.Add(-time.Minute * time.Duration(i/2)).Add(7 * time.Second)
		f.History, f.Rescued = i == 1, i == 3
		publish(t, store, f)
	}
	want := map[int64]int{start.Unix(): 2, start.Add(-time.Minute).Unix(): 1}
	for range 2 {
		r := counters.NewReader(store, testkit.Logger(t))
		if captured, _ := r.Captured(); captured != nil {
			t.Errorf("before it runs: %v", captured)
		}
		stop := run(t, r)
		testkit.Eventually(t, wait, "the log is counted", func() bool { captured, _ := r.Captured(); return captured != nil })
		captured, since := r.Captured()
		if diff := gocmp.Diff(want, captured); diff != "" || !since.Equal(start) {
			t.Errorf("since %s (-want +got):\n%s", since, diff)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestCapturedIsBounded: startTime may be anything.
func TestCapturedIsBounded(t *testing.T) {
	t.Parallel()
	c := counters.New()
	for i := range 20_000 {
		now := start.Add(time.Duration(i) * time.Minute)
		for _, began := range []time.Time{now, now.Add(-100 * 24 * time.Hour), now.Add(24 * time.Hour)} {
			e := failure(max(c.Next(), 1), "m", "p", event.ClassAuth, fmt.Sprint(i%7))
			e.Time, e.Began = now, began
			c.Add(e)
		}
	}
	for i := range counters.Chunks {
		if data, _, err := c.Chunk(i); err != nil || len(data) > 16<<10 {
			t.Errorf("chunk %d: %d bytes, %v", i, len(data), err)
		}
	}
}
