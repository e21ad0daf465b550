package demo

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestChoosePeriod: at any moment, in any zone, all of the traffic fits into the
// period that runs, and its end is near; a midnight alone may come between.
func TestChoosePeriod(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"}).Draw(t, "zone")
		now := time.UnixMilli(rapid.Int64Range(1_700_000_000_000, 2_000_000_000_000).Draw(t, "now")).UTC()
		every, end, err := choosePeriod(now, zone)
		if err != nil {
			t.Fatal(err)
		}
		if every < shortest || every > longest || every%demoWindow != 0 {
			t.Fatalf("report.every = %s", every)
		}
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		ready := now.Add(trafficTime + trafficSpare)
		if end.Before(ready) {
			t.Fatalf("the period ends at %s, the traffic at %s", end, ready)
		}
		if wait := end.Sub(ready); wait > shortest {
			t.Errorf("%s to wait for the period's end", wait)
		}
		if got, err := periodAt(now, every, zone); err != nil || !got.Equal(end) && ready.In(location).Day() == now.In(location).Day() {
			t.Errorf("period ends at %s, %v, not %s", got, err, end)
		}
	})
}

func TestChoosePeriodUnknownZone(t *testing.T) {
	t.Parallel()
	if _, _, err := choosePeriod(time.Now(), "Moon/Base"); err == nil {
		t.Error("no error")
	}
}
