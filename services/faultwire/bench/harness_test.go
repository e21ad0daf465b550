//go:build linux

package bench_test

import (
	"testing"
	"time"
)

// TestHarness runs the benchmarks once with hardly any rows, so that they are known
// to work; its numbers mean nothing.
func TestHarness(t *testing.T) {
	t.Parallel()
	_, db := startPostgres(t)
	s := newStretch(t, db, 1000, 50)
	who := consumers()[:2]
	all := s.drainAll(t, who, 1)
	for _, c := range who {
		drains := all[c.name]
		if len(drains) != 1 || drains[0].took <= 0 || drains[0].took > time.Minute {
			t.Errorf("%s: %+v", c.name, drains)
		}
	}
	if took := s.latency(t, 0, time.Second/5); len(took) == 0 || took[0] <= 0 {
		t.Errorf("%d failures arrived", len(took))
	}
}
