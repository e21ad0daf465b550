package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
)

const kills = 10

// TestKills: rows come as LiteLLM writes them, while `faultwire run` is killed with
// SIGKILL ten times, some of them in the middle of a transaction of several
// batches. Each failed row is in the files, once.
func TestKills(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	rows := recent(t)
	all := slices.Concat(rows, hostile(t, rows))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	base := aFailure(t, rows)

	p := s.follow() // makes the slot: what is written from now on is ours
	if err := sample.Insert(t.Context(), s.conn, []sample.Row{base}); err != nil {
		t.Fatal(err)
	}
	stopTraffic := s.traffic(all)
	inside := 0
	for i := range kills {
		if i%3 != 1 { // three of them inside
			s.waitRandomly(random, 1500*time.Millisecond)
			p.kill()
		} else if s.killInside(p, base, fmt.Sprintf("bulk-%d-", i)) {
			inside++
		}
		p = start(t, "faultwire", s.env(), "run")
	}
	stopTraffic()
	t.Logf("%d of %d kills inside a transaction", inside, kills)
	if inside == 0 {
		t.Error("no kill hit a transaction whose first batches were in the log: the test shows too little")
	}
	if err := sample.Insert(t.Context(), s.conn, all); err != nil { // also what the traffic had not come to
		t.Fatal(err)
	}
	s.reported(patience)
	s.counted(p)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.compare(s.failed())
}

// traffic writes rows in flushes of random size, some of them again, as LiteLLM
// does after a timeout, until stop is called.
func (s *scene) traffic(rows []sample.Row) (stop func()) {
	conn := s.db.Conn(s.t)
	ctx, cancel := alive(s.t)
	done := make(chan error, 1)
	go func() { done <- flush(ctx, conn, rows) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
}

func flush(ctx context.Context, conn *pgx.Conn, rows []sample.Row) error {
	for at := 0; at < len(rows); {
		end := min(len(rows), at+1+rand.IntN(40))
		again := max(0, at-rand.IntN(20)) // duplicates, dropped by ON CONFLICT
		err := sample.Insert(context.WithoutCancel(ctx), conn, rows[again:end])
		if err != nil {
			return err
		}
		at = end
		if pause(ctx, time.Duration(rand.IntN(600))*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

func (s *scene) waitRandomly(random *rand.Rand, most time.Duration) {
	s.t.Helper()
	if err := pause(s.t.Context(), time.Duration(random.Int64N(int64(most)))); err != nil {
		s.t.Fatal(err)
	}
}

// killInside writes a transaction of 5000 rows and kills when some of its batches
// are in the log and others are not. It reports whether it hit: whether Postgres
// still waits for the transaction to be confirmed.
func (s *scene) killInside(p *process, base sample.Row, prefix string) (hit bool) {
	s.t.Helper()
	url := p.expect(patience, `http://(\S+)`)
	p.expect(patience, `(?m)^following`)
	before := published(s.t, url)
	s.exec(bulkSQL, prefix, 5000, base.RequestID)
	var end string
	if err := s.conn.QueryRow(s.t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&end); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	now := before
	for now < before+1000 {
		if now = published(s.t, url); time.Now().After(deadline) {
			s.t.Fatalf("the transaction doesn't come: %v entries before, %v now", before, now)
		}
	}
	p.kill()
	if err := s.conn.QueryRow(s.t.Context(), "SELECT confirmed_flush_lsn < $1::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $2", end, s.db.Name).Scan(&hit); err != nil {
		s.t.Fatal(err)
	}
	return hit && now < before+3750
}

// counted waits until the counters say what SQL says.
func (s *scene) counted(p *process) {
	s.t.Helper()
	url := p.expect(patience, `http://(\S+)`)
	want := float64(len(s.failed()))
	deadline := time.Now().Add(patience)
	got := metric(s.t, url, "faultwire_failures_total")
	for got != want && time.Now().Before(deadline) {
		if err := pause(s.t.Context(), 100*time.Millisecond); err != nil {
			s.t.Fatal(err)
		}
		got = metric(s.t, url, "faultwire_failures_total")
	}
	if got != want {
		s.t.Errorf("faultwire_failures_total = %v, SQL counts %v", got, want)
	}
}

// TestStop: an orderly stop in the middle of traffic takes its time at most, exits
// with 0, and what came meanwhile is there after the next start.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	rows := recent(t)
	p := s.follow()
	stopTraffic := s.traffic(rows)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		url := p.expect(patience, `http://(\S+)`)
		before := published(t, url)
		for published(t, url) == before { // in the middle of it
			if err := pause(t.Context(), 20*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if code := p.stop(signal); code != 0 {
			t.Errorf("%s: exit code %d", signal, code)
		}
		t.Logf("%s: stopped within %s", signal, time.Since(began).Round(time.Millisecond))
		p = s.follow()
	}
	stopTraffic()
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
