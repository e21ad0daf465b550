//go:build linux

package bench_test

import (
	"slices"
	"testing"
	"time"

	"github.com/faultwire/faultwire/services/ingest"
)

const (
	latencyRate   = 500 // failures a second
	latencyCommit = 10  // of them in a transaction
	latencyFor    = 10 * time.Second
)

// BenchmarkLatency measures from the commit, by PostgreSQL's clock and so before its
// fsync, to the arrival at a reader of the log.
func BenchmarkLatency(b *testing.B) {
	_, db := startPostgres(b)
	s := newStretch(b, db, perCommit, 100)
	for b.Loop() {
		took := s.latency(b, time.Second, latencyFor)
		b.ReportMetric(milliseconds(quantile(took, 0.50)), "ms-p50")
		b.ReportMetric(milliseconds(quantile(took, 0.99)), "ms-p99")
		b.Logf("%d failures, %d a transaction, %d a second: p50 %.1f ms, p99 %.1f ms, most %.1f ms", len(took), latencyCommit, latencyRate,
			milliseconds(quantile(took, 0.50)), milliseconds(quantile(took, 0.99)), milliseconds(took[len(took)-1]))
	}
	b.ReportMetric(0, "ns/op")
}

// latency commits failures at a steady rate and returns how long each took, sorted.
// Those of its first time, when ingest starts, don't count.
func (s *stretch) latency(t testing.TB, first, long time.Duration) []time.Duration {
	t.Helper()
	p := startIngest(t, order{URL: s.db.URL, Slot: s.slot, Publication: ingest.Default().Ingest.Publication, StoreDir: t.TempDir(), SyncAlways: true})
	s.awaitSender(t, s.slot)
	every := time.Second * latencyCommit / latencyRate
	warm := int(first / every)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	n := warm + int(long/every)
	for range n {
		<-ticker.C
		s.traffic.commit(t, latencyCommit, 100)
	}
	s.awaitConfirmed(t)
	p.hangUp(t)
	arrived := p.listen(t).Arrived
	p.wait(t)
	if len(arrived) < n*latencyCommit {
		t.Fatalf("%d failures arrived of %d", len(arrived), n*latencyCommit)
	}
	took := arrived[len(arrived)-(n-warm)*latencyCommit:]
	slices.Sort(took)
	return took
}

// awaitConfirmed returns when ingest has confirmed everything.
func (s *stretch) awaitConfirmed(t testing.TB) {
	t.Helper()
	end := query[string](t, s.sql, "SELECT pg_current_wal_insert_lsn()::text")
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-ticker.C {
		if query[bool](t, s.sql, "SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1", s.slot, end) {
			return
		}
	}
	t.Fatal("ingest confirms nothing")
}

// quantile of sorted values, by the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
