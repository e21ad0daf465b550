package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/testkit"
)

const (
	// longVariable names the environment variable that makes tests take minutes: a
	// duration, how long TestInterleavings goes on.
	longVariable = "FAULTWIRE_TEST_LONG"
	// seedVariable repeats a run of TestInterleavings, as far as time allows.
	seedVariable = "FAULTWIRE_TEST_SEED"
)

// TestInterleavings does at random what may happen to ingest, its database and its
// broker, one thing after the other and several at once. In the end the ids in the log
// are those of the table's failures, each once.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	long, seed := 7*time.Second, rand.Uint64()
	for name, parse := range map[string]func(string) error{
		longVariable: func(s string) (err error) { long, err = time.ParseDuration(s); return err },
		seedVariable: func(s string) error { _, err := fmt.Sscan(s, &seed); return err },
	} {
		if text := os.Getenv(name); text != "" {
			if err := parse(text); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	t.Logf("%s=%d repeats this run", seedVariable, seed)
	b := lift(t)
	r := rigOn(t, testkit.Postgres(t, testkit.WithServer(small(t))), b.connect(t))
	r.patience = wait
	w := &world{rig: r, broker: b, up: true, random: rand.New(rand.NewPCG(seed, 0))}
	for until := time.Now().Add(long); time.Now().Before(until); {
		w.step(t)
		lifecycle.Pause(t.Context(), time.Duration(w.random.IntN(400))*time.Millisecond)
	}
	w.end(t)
	if !w.up {
		b.start(t)
	}
	for _, mode := range []string{"stream", "poll"} {
		r.cfg.Ingest.Mode = mode
		x := r.start(t)
		r.vouched(t)
		r.agrees(t)
		x.stop(t)
	}
	t.Logf("%d steps, %d failures", w.steps, len(r.logged(t)))
}

// world is a rig to which things happen.
type world struct {
	*rig
	broker *lifted
	up     bool // the broker
	random *rand.Rand
	steps  int
	kill   func() // the running service; nil = none runs
	stop   func(*testing.T)
}

func (w *world) step(t *testing.T) {
	t.Helper()
	w.steps++
	switch n := w.random.IntN(100); {
	case n < 40:
		w.commit(t)
	case n < 65:
		w.begin(t)
	case n < 73:
		t.Log("killed")
		w.end(t)
	case n < 78:
		if w.stop != nil {
			t.Log("stopped")
			w.stop(t)
			w.kill, w.stop = nil, nil
		}
	case n < 86:
		t.Logf("the broker stops or starts; up %v", !w.up)
		if w.up = !w.up; w.up {
			w.broker.start(t)
		} else {
			w.broker.stop(t)
		}
	case n < 90:
		t.Log("connections cut")
		w.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'faultwire'")
	case n < 94:
		mode := []pgtemp.StopMode{pgtemp.Fast, pgtemp.Immediate}[w.random.IntN(2)]
		t.Logf("the database restarts, mode %d", mode)
		w.restart(t, func(ctx context.Context) error { return w.db.Server.Stop(ctx, mode) })
	case n < 97:
		t.Log("slot dropped")
		w.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
	default:
		t.Log("much is written")
		w.exec(t, `SELECT pg_logical_emit_message(false, '', repeat('x', 12000000)) FROM generate_series(1, 5); CHECKPOINT`)
	}
}

// commit writes a transaction, now and then a large one or one that is half undone.
func (w *world) commit(t *testing.T) {
	t.Helper()
	size := 1 + w.random.IntN(100)
	if w.random.IntN(6) == 0 {
		size = 3000
	}
	prefix := fmt.Sprintf("s%d-", w.steps)
	if w.random.IntN(4) > 0 {
		w.generate(t, prefix, size, 2)
		return
	}
	w.exec(t, "BEGIN; SAVEPOINT s")
	w.generate(t, "gone-"+prefix, size, 2)
	w.exec(t, "ROLLBACK TO s")
	w.generate(t, prefix, size, 2)
	w.exec(t, "COMMIT")
}

// begin starts a service if none runs, in a process of its own or here, where its
// connection to the broker goes first when it is killed.
func (w *world) begin(t *testing.T) {
	t.Helper()
	if w.kill != nil || !w.up {
		return
	}
	w.cfg.Ingest.Mode = []string{"stream", "stream", "auto", "poll"}[w.random.IntN(4)]
	if w.random.IntN(2) == 0 {
		t.Logf("started in a process of its own, mode %s", w.cfg.Ingest.Mode)
		w.kill = w.child(t, w.broker)
		return
	}
	t.Logf("started, mode %s", w.cfg.Ingest.Mode)
	shown := w.store
	own := w.broker.connect(t)
	w.store = testkit.StoreOn(t, own)
	x := w.start(t)
	w.store = shown
	w.stop = x.stop
	w.kill = func() { own.Close(); x.cancel(); _ = x.result(t) }
}

// end kills what runs.
func (w *world) end(t *testing.T) {
	t.Helper()
	if w.kill != nil {
		w.kill()
	}
	w.kill, w.stop = nil, nil
}
