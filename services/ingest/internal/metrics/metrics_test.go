package metrics_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestMetrics(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
	reg := prometheus.NewPedanticRegistry()
	m, err := metrics.New(reg, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.New(reg, c); err == nil {
		t.Error("registered twice")
	}
	expect := func(names []string, want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
	}
	lag := []string{"faultwire_ingest_lag_seconds"}
	if n, err := testutil.GatherAndCount(reg, lag[0], "faultwire_slot_retained_bytes"); err != nil || n != 0 {
		t.Errorf("%d values before anything is known, %v", n, err)
	}
	m.SetRole(metrics.Following)
	m.Watermark(c.now.Add(-3 * time.Second))
	m.Watermark(c.now.Add(-9 * time.Second)) // never back
	expect(lag, "# HELP faultwire_ingest_lag_seconds Age of the moment before which no failure is missing in the log, on the database's clock.\n# TYPE faultwire_ingest_lag_seconds gauge\nfaultwire_ingest_lag_seconds 3\n")

	safe := int64(5000)
	m.Slot(slot.State{Retained: 1000, Safe: &safe, Status: "lost"})
	for name, want := range map[string]float64{"faultwire_slot_retained_bytes": 1000, "faultwire_slot_safe_wal_bytes": 5000, "faultwire_slot_lost": 1, "faultwire_ingest_connected": 1} {
		if got := gauge(t, reg, name); got != want {
			t.Errorf("%s: %g", name, got)
		}
	}
	m.Slot(slot.State{Retained: 1})
	if n, err := testutil.GatherAndCount(reg, "faultwire_slot_safe_wal_bytes"); err != nil || n != 0 {
		t.Errorf("%d values of an unknown quantity, %v", n, err)
	}

	e := feed.Entry{Header: event.Header{Time: c.now.Add(-time.Second), Live: true}, Ended: c.now.Add(-8 * time.Second)}
	m.Published(&e)
	e.Estimated = true
	m.Published(&e) // not among the delays
	m.Duplicates(3)
	m.Retried()
	m.Gap()
	for name, want := range map[string]int{"faultwire_ingest_delay_seconds": 1, "faultwire_litellm_delay_seconds": 7} {
		if sum, n := histogram(t, reg, name); n != 1 || sum != float64(want) {
			t.Errorf("%s: %d values, sum %f", name, n, sum)
		}
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func histogram(t *testing.T, reg *prometheus.Registry, name string) (sum float64, n uint64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleSum(), h.GetSampleCount()
		}
	}
	return 0, 0
}

func TestReady(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}
	m, err := metrics.New(prometheus.NewRegistry(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		do   func()
		want error
	}{
		{func() {}, metrics.ErrDisconnected},
		{func() { m.SetRole(metrics.Standby) }, metrics.ErrStandby},
		{func() { m.SetRole(metrics.Following) }, metrics.ErrNothingYet},
		{func() { m.Watermark(c.now) }, nil},
		{func() { c.now = c.now.Add(time.Minute + time.Second) }, metrics.ErrBehind},
		{func() { m.Watermark(c.now) }, nil},
		{func() { m.SetRole(metrics.Disconnected) }, metrics.ErrDisconnected},
	} {
		step.do()
		if err := m.Ready(); !errors.Is(err, step.want) {
			t.Errorf("ready: %v, want %v", err, step.want)
		}
	}
}
