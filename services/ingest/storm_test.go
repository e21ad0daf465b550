package ingest_test

import (
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
)

// TestStorm: more failures than the analyzer gets done are held back, LiteLLM's
// database is told all the same, and when the analyzer has caught up they are read
// out of the table.
func TestStorm(t *testing.T) {
	t.Parallel()
	_, conn := testkit.Broker(t)
	testkit.SmallStoreOn(t, conn, 8<<20) // which the rig then finds
	r := rigOn(t, testkit.Postgres(t), conn)
	x := r.following(t)
	r.vouched(t)
	r.generate(t, "storm-", 3000, 1) // over 4 MiB
	testkit.WaitLog(t, x.logs, wait, "failures are held back")
	if on, _ := x.metric(t, "faultwire_ingest_holding"); on != 1 {
		t.Errorf("faultwire_ingest_holding %v", on)
	}
	r.generate(t, "held-", 500, 1)
	testkit.Eventually(t, wait, "the slot is confirmed past what is held back", func() bool {
		var past bool
		err := r.sql.QueryRow(t.Context(), "SELECT confirmed_flush_lsn >= pg_current_wal_lsn() - 10000 FROM pg_replication_slots WHERE slot_name = $1", r.db.Name).Scan(&past)
		return err == nil && past
	})
	r.vouched(t)
	if last := r.beats[len(r.beats)-1]; last.Gap == nil {
		t.Errorf("heartbeat %+v names no gap", last)
	}
	r.analyse(t)
	testkit.WaitLog(t, x.logs, wait, "failures go into the log again")
	r.generate(t, "after-", 10, 1)
	r.agrees(t)
	r.gapFilled(t, "held-", 500)
	if n, _ := x.metric(t, "faultwire_ingest_held_back_total"); n != 500 {
		t.Errorf("faultwire_ingest_held_back_total %v", n)
	}
}

// analyse is an analyzer that has analysed all there is.
func (r *rig) analyse(t *testing.T) {
	t.Helper()
	w := event.Window{V: event.Version, Run: event.RunLive, Epoch: r.store.Epoch, Start: time.Now(), End: time.Now(), Lo: 1, Hi: r.entries(t), N: 1}
	data, err := event.Encode(&w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.JetStream.Publish(t.Context(), topology.WindowsSubject(event.RunLive, r.store.Epoch), data); err != nil {
		t.Fatal(err)
	}
	consumer, err := r.store.JetStream.Consumer(t.Context(), topology.Windows, topology.Analyst)
	if err != nil {
		t.Fatal(err)
	}
	m, err := consumer.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
}
