package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// traffic inserts transactions of all sizes until n rows are in, a third of them
// failures, on a connection of its own.
func (r *rig) traffic(t *testing.T, prefix string, n int) (finished func()) {
	t.Helper()
	conn := r.db.Conn(t)
	return background(t, func(ctx context.Context) error {
		sizes := rand.New(rand.NewPCG(3, 4)) // the same in every run
		for i := 0; n > 0; i++ {
			size := min(n, 1+sizes.IntN(400))
			if i%10 == 0 {
				size = min(n, 4000) // several batches
			}
			n -= size
			if err := generate(ctx, conn, fmt.Sprintf("%s%d-", prefix, i), size, 3); err != nil {
				return err
			}
		}
		return nil
	})
}

// grown waits until the log has n entries more than before, or all failures of the
// table.
func (r *rig) grown(t *testing.T, n int) {
	t.Helper()
	before, all := r.entries(t), uint64(len(r.failed(t)))
	testkit.Eventually(t, wait, fmt.Sprintf("%d entries more than %d", n, before), func() bool {
		now := r.entries(t)
		return now >= before+uint64(n) || now >= all
	})
}

// TestMatrixKills ends the service again and again at any moment, in turn orderly,
// with its connections cut first, and by killing its process: each failure is in the
// log once.
func TestMatrixKills(t *testing.T) {
	t.Parallel()
	b := lift(t)
	r := rigOn(t, testkit.Postgres(t), b.connect(t))
	r.following(t).stop(t)
	finished := r.traffic(t, "k", 12_000)
	steps := rand.New(rand.NewPCG(5, 6)) // the same in every run
	for round := range 9 {
		if round%3 == 0 {
			kill := r.child(t, b)
			r.grown(t, 1+steps.IntN(450))
			kill()
			continue
		}
		own := b.connect(t)
		shown := r.store
		r.store = testkit.StoreOn(t, own)
		x := r.start(t)
		r.store = shown // we read on
		r.grown(t, 1+steps.IntN(450))
		if round%3 == 1 {
			own.Close()
			r.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'faultwire'")
			x.cancel()
			_ = x.result(t) // a connection that was closed on purpose may end it first
			continue
		}
		x.stop(t)
		own.Close()
	}
	finished()
	r.following(t)
	r.agrees(t)
}

// TestMatrixLargeTransaction reads one transaction of 100,000 rows, a tenth of them failures,
// cut off several times in the middle of it.
func TestMatrixLargeTransaction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(t).stop(t) // the slot is there
	r.generate(t, "big-", 100_000, 10)
	for range 3 {
		goal := r.entries(t) + 1500
		x := r.start(t)
		testkit.Eventually(t, wait, "a part is in the log", func() bool { return r.entries(t) >= goal })
		x.stop(t)
	}
	if n := r.entries(t); n == 0 || n >= 10_000 {
		t.Errorf("%d entries in the log: not cut off inside the transaction", n)
	}
	r.following(t)
	r.agrees(t)
}

// TestCut cuts the connections of a service that goes on running.
func TestCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	finished := r.traffic(t, "c", 10_000)
	for i := range 4 {
		r.grown(t, 300)
		r.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'walsender'")
		x.follows(t, i+2)
	}
	finished()
	r.agrees(t)
	x.stop(t)
}

// TestMatrixPostgresRestart stops and starts the database under the running service,
// orderly and as in a crash.
func TestMatrixPostgresRestart(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, nil)
	db := testkit.Postgres(t, testkit.WithServer(server))
	_, conn := testkit.Broker(t)
	r := rigOn(t, db, conn)
	x := r.following(t)
	for i, mode := range []pgtemp.StopMode{pgtemp.Fast, pgtemp.Immediate} {
		r.generate(t, fmt.Sprintf("before-%d-", i), 600, 2)
		r.restart(t, func(ctx context.Context) error { return server.Stop(ctx, mode) })
		r.generate(t, fmt.Sprintf("after-%d-", i), 600, 2)
		x.follows(t, i+2)
	}
	r.agrees(t)
	x.stop(t)
}

// restart stops the database and starts it again.
func (r *rig) restart(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.db.Server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	r.sql = r.db.Conn(t)
}

// lifted is a broker that can be stopped and started on its port.
type lifted struct {
	server *broker.Server
	dir    string
	url    string
}

func lift(t *testing.T) *lifted {
	t.Helper()
	b := &lifted{dir: t.TempDir()}
	b.server, _ = testkit.Broker(t, testkit.WithStoreDir(b.dir), testkit.WithListener())
	var err error
	if b.url, err = b.server.ClientURL(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *lifted) connect(t *testing.T) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(b.url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func (b *lifted) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), wait)
	defer cancel()
	if err := b.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func (b *lifted) start(t *testing.T) {
	t.Helper()
	parsed, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	if b.server, err = broker.Start(t.Context(), broker.Config{StoreDir: b.dir, Listen: parsed.Host, Logger: testkit.Logger(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.stop(t) })
}

// TestBrokerRestart stops the broker while rows come in, more than the queue holds,
// and starts it again.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	b := lift(t)
	r := rigOn(t, testkit.Postgres(t), b.connect(t))
	x := r.following(t)
	r.generate(t, "before-", 300, 3)
	r.agrees(t)
	b.stop(t)
	r.generate(t, "meanwhile-", 9000, 1)
	testkit.WaitLog(t, x.logs, wait, "no answer from NATS")
	r.generate(t, "later-", 30, 3)
	b.start(t)
	r.agrees(t)
	x.stop(t)
}

// TestMatrixFastShutdown: the database stops at once although rows are on their way that
// a broker can't take. Without letting go, it would wait for us for ever.
func TestMatrixFastShutdown(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]int{"few rows": 20, "more than the queue holds": 9000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
			b := lift(t)
			r := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), b.connect(t))
			x := r.following(t)
			r.generate(t, "before-", 10, 1)
			r.agrees(t)
			b.stop(t)
			r.generate(t, "stuck-", rows, 1)
			testkit.WaitLog(t, x.logs, wait, "no answer from NATS")
			began := time.Now()
			r.restart(t, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
				defer cancel()
				return server.Stop(ctx, pgtemp.Fast)
			})
			t.Logf("stopped and started in %s", time.Since(began))
			b.start(t)
			x.follows(t, 2)
			r.agrees(t)
			x.stop(t)
		})
	}
}

// TestStandby: a second service waits, and takes over when the first ends.
func TestStandby(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.following(t)
	second := r.start(t)
	e := testkit.WaitLog(t, second.logs, wait, "standing by")
	if reason := fmt.Sprint(e.Attrs["reason"]); reason == "" || !containsAll(reason, r.db.Name, "process ") {
		t.Errorf("reason %q", reason)
	}
	if on, _ := second.metric(t, "faultwire_ingest_connected"); on != 0 {
		t.Errorf("connected %v", on)
	}
	r.generate(t, "first-", 3000, 2)
	r.agrees(t)
	first.stop(t)
	second.follows(t, 1)
	r.generate(t, "second-", 3000, 2)
	r.agrees(t)
	second.stop(t)
}

// TestMatrixSlotGone: somebody drops the slot. What came in between is read out of
// the table.
func TestMatrixSlotGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	r.exec(t, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", r.db.Name))
	r.generate(t, "between-", 10, 2)
	x = r.following(t)
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	if n, _ := x.metric(t, "faultwire_ingest_gaps_total"); n != 1 {
		t.Errorf("faultwire_ingest_gaps_total %v", n)
	}
	r.gapFilled(t, "between-", 5)
}

// TestMatrixPublicationGone: nothing is confirmed while the publication is missing, on any
// version of PostgreSQL; it is made again, with a new slot, and what came in between is
// read out of the table.
func TestMatrixPublicationGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	r.exec(t, "DROP PUBLICATION faultwire")
	r.generate(t, "between-", 10, 2)
	e := testkit.WaitLog(t, x.logs, wait, "the replication slot can't be followed any more and is made anew")
	if text := fmt.Sprint(e.Attrs["reason"]); !containsAll(text, "publication") {
		t.Errorf("reason %q", text)
	}
	x.follows(t, 2)
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	r.gapFilled(t, "between-", 5)
}
