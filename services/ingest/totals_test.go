package ingest_test

import (
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// TestTotals: a service counts the requests of the last hours at its start, and one
// that shall not doesn't.
func TestTotals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", model_group, status)
		SELECT 'r' || i, '', at, at, 'gpt-4o', CASE i % 4 WHEN 0 THEN 'failure' ELSE 'success' END
		FROM generate_series(1, 40) i, LATERAL (SELECT clock_timestamp() AT TIME ZONE 'UTC' - interval '2 minutes' * i AS at) x`)
	total := func() (sum event.Rate) {
		now := time.Now()
		minutes, err := bus.Minutes(t.Context(), r.store.JetStream, now.Add(-4*time.Hour), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range minutes {
			sum = sum.Plus(m.Total())
		}
		return sum
	}
	r.cfg.Ingest.CountRequests = false
	off := r.following(t)
	if _, ok := off.metric(t, "faultwire_requests_count_interval_seconds"); ok {
		t.Error("it counts, and shall not")
	}
	off.stop(t)
	if got := total(); got != (event.Rate{}) {
		t.Errorf("counted %v, and shall not", got)
	}
	r.cfg.Ingest.CountRequests = true
	x := r.following(t)
	testkit.Eventually(t, wait, "all requests are counted", func() bool { return total() == event.Rate{Requests: 40, Failed: 10} })
	testkit.Eventually(t, wait, "how often is exported", func() bool {
		every, ok := x.metric(t, "faultwire_requests_count_interval_seconds")
		return ok && every >= 60
	})
}
