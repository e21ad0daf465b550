package traffic_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/traffic"
)

var begin = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// publish puts the count of a minute into TRAFFIC.
func publish(t *testing.T, store topology.Store, minute int, age time.Duration, models ...event.ModelRate) {
	t.Helper()
	at := begin.Add(time.Duration(minute) * time.Minute)
	data, err := event.Encode(&event.Traffic{V: event.Version, Minute: at, Counted: at.Add(time.Minute + age), Models: models})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.JetStream.Publish(t.Context(), topology.TrafficSubject(at), data); err != nil {
		t.Fatal(err)
	}
}

func model(name string, requests, failed int) event.ModelRate {
	return event.ModelRate{Model: name, Rate: event.Rate{Requests: requests, Failed: failed}}
}

// all captures what was counted.
type all struct{}

func (all) Captured() (map[int64]int, time.Time) {
	captured := map[int64]int{}
	for i := range 300 {
		captured[begin.Add(time.Duration(i)*time.Minute).Unix()] = 1
	}
	return captured, time.Time{}
}

// scrape is the sum of each metric.
func scrape(t *testing.T, r *traffic.Reader) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sums[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sums
}

// TestReader: the last count of a minute holds, also after a restart in which some of
// the minutes are in the sums for good.
func TestReader(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	for i := range 240 {
		publish(t, store, i, 5*time.Second, model("a", 10, 1))
	}
	publish(t, store, 239, time.Minute, model("a", 15, 2), model("b", 1, 1))
	want := map[string]float64{
		"faultwire_requests_total": 2406, "faultwire_litellm_failed_requests_total": 242, "faultwire_coverage_ratio": 1,
		"faultwire_requests_counted_timestamp_seconds": float64(begin.Add(4 * time.Hour).Unix()),
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		r := traffic.NewReader(store, all{}, testkit.Logger(t))
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		testkit.Eventually(t, 30*time.Second, "requests on /metrics", func() bool { return len(scrape(t, r)) > 0 })
		if diff := cmp.Diff(want, scrape(t, r)); diff != "" {
			t.Errorf("on /metrics (-want +got):\n%s", diff)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := scrape(t, r); len(got) > 0 {
			t.Errorf("stopped, it shows %v", got)
		}
	}
}

// TestSpan reads periods that are counted, or not quite.
func TestSpan(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	for i := range 118 {
		publish(t, store, i, time.Minute, model("a", 10, 1), model("b", 5, 2))
	}
	publish(t, store, 118, 5*time.Second, model("a", 3, 3)) // its rows may not be written yet
	publish(t, store, 150, time.Minute, model("a", 3, 3))
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	for name, test := range map[string]struct {
		from, to int
		want     *traffic.Span
	}{
		"an hour": {0, 60, &traffic.Span{
			Rate: event.Rate{Requests: 900, Failed: 180}, Until: at(60), Models: []event.ModelRate{model("b", 300, 120), model("a", 600, 60)},
		}},
		"the last hour": {60, 120, &traffic.Span{
			Rate: event.Rate{Requests: 870, Failed: 174}, Until: at(118), Models: []event.ModelRate{model("b", 290, 116), model("a", 580, 58)},
		}},
		"counted too little": {100, 160, nil},
		"not counted":        {200, 260, nil},
		"too short":          {0, 5, nil},
	} {
		got, err := traffic.Read(t.Context(), store, at(test.from), at(test.to))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
