//go:build linux

package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest"
)

const defaultRounds = 3

// mixes are those that are measured, each about five seconds of work for the limit.
var mixes = []struct{ percent, rows int }{{2, 1_000_000}, {50, 400_000}}

// consumer is one way to drain the slot.
type consumer struct {
	name string
	run  func(*stretch, testing.TB, string) drain
}

func consumers() []consumer {
	return []consumer{
		{"pg_recvlogical", (*stretch).limit},
		{"ingest", func(s *stretch, t testing.TB, slot string) drain { return s.ingest(t, slot, true) }},
		{"ingest, no fsync", func(s *stretch, t testing.TB, slot string) drain { return s.ingest(t, slot, false) }},
	}
}

// stretch is the WAL that all of them drain.
type stretch struct {
	db       *testkit.Database
	sql      *pgx.Conn
	traffic  *traffic
	rows     int
	failures int
	slot     string // that nobody drains: those of the rounds are copies of it
	end      string // LSN behind the last row
}

// drain is what it took.
type drain struct {
	took   time.Duration // from the walsender's start to the last row: durable, for ingest
	own    time.Duration // CPU
	sender time.Duration // CPU
	peak   int           // bytes
}

// BenchmarkDrain is the benchmark. Its ratio is the median of those of the rounds;
// so are the other numbers.
func BenchmarkDrain(b *testing.B) {
	rounds := number(b, roundsVariable, defaultRounds)
	for _, mix := range mixes {
		b.Run(fmt.Sprintf("failing=%d%%", mix.percent), func(b *testing.B) {
			server, db := startPostgres(b)
			rows := number(b, rowsVariable, mix.rows)
			b.Logf("PostgreSQL %s, %d rows of which %d %% fail, %d a transaction, %d rounds", server.Version(), rows, mix.percent, perCommit, rounds)
			s := newStretch(b, db, rows, mix.percent)
			for b.Loop() {
				report(b, s, s.drainAll(b, consumers(), rounds))
			}
		})
	}
}

// newStretch makes publication and slot as ingest does, then the WAL.
func newStretch(t testing.TB, db *testkit.Database, rows, percent int) *stretch {
	t.Helper()
	s := &stretch{db: db, sql: db.Conn(t), traffic: newTraffic(t, db), rows: rows, failures: rows * percent / 100, slot: db.Name}
	cfg := ingest.Default()
	cfg.Postgres.URL, cfg.Ingest.Slot = config.URL(db.URL), s.slot
	if _, err := ingest.Setup(t.Context(), cfg, testkit.Logger(t)); err != nil {
		t.Fatal(err)
	}
	s.traffic.write(t, rows, percent)
	s.end = query[string](t, s.sql, "SELECT pg_current_wal_insert_lsn()::text")
	s.traffic.commit(t, 1, 100) // so that pg_recvlogical sees something behind the end, and stops
	if n := query[int](t, s.sql, `SELECT count(*)::int FROM "LiteLLM_SpendLogs" WHERE status <> 'success'`); n != s.failures+1 {
		t.Fatalf("%d rows fail, want %d", n, s.failures+1)
	}
	return s
}

// drainAll lets every consumer drain the WAL in every round, each time another one
// first.
func (s *stretch) drainAll(t testing.TB, who []consumer, rounds int) map[string][]drain {
	t.Helper()
	all := map[string][]drain{}
	for round := range rounds {
		first := round % len(who)
		for i, c := range slices.Concat(who[first:], who[:first]) {
			slot := fmt.Sprintf("%s_%d_%d", s.slot, round, i)
			query[string](t, s.sql, "SELECT slot_name::text FROM pg_copy_logical_replication_slot($1, $2)", s.slot, slot)
			all[c.name] = append(all[c.name], c.run(s, t, slot))
			testkit.Eventually(t, time.Minute, "the slot is free", func() bool {
				_, err := s.sql.Exec(t.Context(), "SELECT pg_drop_replication_slot($1)", slot)
				return err == nil
			})
		}
	}
	return all
}

// limit drains with pg_recvlogical, which throws away what it gets.
func (s *stretch) limit(t testing.TB, slot string) drain {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), recvlogical(t, s.db.Server.BinDir()), "-d", s.db.URL, "--slot", slot, "--start", "--no-loop", "--endpos", s.end,
		"-o", "proto_version=1", "-o", "publication_names="+ingest.Default().Ingest.Publication, "-f", os.DevNull)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sender := s.awaitSender(t, slot)
	watching, cancel := context.WithCancel(t.Context())
	sampled := make(chan time.Duration)
	go func() { sampled <- lastCPU(watching, sender.pid) }()
	err := cmd.Wait()
	took := time.Since(sender.began)
	cancel()
	d := drain{took: took, own: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), sender: <-sampled}
	if err != nil {
		t.Fatalf("pg_recvlogical: %v", err)
	}
	return d
}

// recvlogical finds the program beside the server or in the path.
func recvlogical(t testing.TB, bin string) string {
	t.Helper()
	path := filepath.Join(bin, "pg_recvlogical")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err := exec.LookPath("pg_recvlogical")
	if err != nil {
		t.Fatal("pg_recvlogical is missing, the limit that ingest is measured by. Run: apt-get install -y postgresql")
	}
	return path
}

// lastCPU is the CPU time of a process that ends when it likes, as seen last.
func lastCPU(ctx context.Context, pid int) (last time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		last = max(last, cpuOf(pid))
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
	}
}

// ingest drains with ingest, into the log of an embedded broker.
func (s *stretch) ingest(t testing.TB, slot string, syncAlways bool) drain {
	t.Helper()
	dir, err := os.MkdirTemp("", "faultwire-bench-") //nolint:usetesting // removed before the next round
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p := startIngest(t, order{
		URL: s.db.URL, Slot: slot, Publication: ingest.Default().Ingest.Publication,
		StoreDir: dir, SyncAlways: syncAlways, Failures: s.failures,
	})
	sender := s.awaitSender(t, slot)
	before := cpuOf(p.cmd.Process.Pid)
	done := p.listen(t)
	d := drain{
		took: done.Drained.Sub(sender.began), own: cpuOf(p.cmd.Process.Pid) - before,
		sender: cpuOf(sender.pid), peak: peakOf(p.cmd.Process.Pid),
	}
	p.hangUp(t)
	p.wait(t)
	return d
}

// sender is the server's process that reads the WAL for a consumer.
type sender struct {
	pid   int
	began time.Time
}

func (s *stretch) awaitSender(t testing.TB, slot string) (found sender) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-ticker.C {
		err := s.sql.QueryRow(t.Context(), "SELECT r.pid, r.backend_start FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $1", slot).Scan(&found.pid, &found.began)
		if err == nil {
			return found
		}
	}
	t.Fatalf("nobody drains slot %s", slot)
	return found
}
