package ingest_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// slotStatus is the wal_status of the rig's slot, "" when it is gone.
func (r *rig) slotStatus(t *testing.T) string {
	t.Helper()
	var status string
	err := r.sql.QueryRow(t.Context(), "SELECT coalesce(wal_status, '') FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Ingest.Slot).Scan(&status)
	if err != nil && err != pgx.ErrNoRows { //nolint:errorlint // Scan returns it as it is
		t.Fatal(err)
	}
	return status
}

// loseSlot writes so much of the server's log that it gives up on the slot.
func (r *rig) loseSlot(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, wait, "the slot is lost", func() bool {
		// Three segments, of 16 MB each.
		for range 3 {
			r.exec(t, "SELECT pg_logical_emit_message(false, '', 'x'); SELECT pg_switch_wal()")
		}
		r.exec(t, "CHECKPOINT")
		return r.slotStatus(t) == "lost"
	})
}

// small is a server that keeps little of its log for a slot.
func small(t *testing.T) *pgtemp.Server {
	t.Helper()
	return testkit.PostgresServer(t, map[string]string{"fsync": "off", "max_slot_wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "64MB"})
}

// TestMatrixSlotLost: the server removed what the slot needed, before a start (55000)
// and under a service that could not store anything (57P01). A new slot is made, and
// what is missing comes out of the table.
func TestMatrixSlotLost(t *testing.T) {
	t.Parallel()
	server := small(t)
	b := lift(t)
	r := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), b.connect(t))
	const anew = "the replication slot can't be followed any more and is made anew"

	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	r.generate(t, "away-", 10, 2)
	r.loseSlot(t)
	r.generate(t, "lost-", 10, 2)
	x = r.following(t)
	if reason := fmt.Sprint(testkit.WaitLog(t, x.logs, wait, anew).Attrs["reason"]); !containsAll(reason, "max_slot_wal_keep_size") {
		t.Errorf("reason %q", reason)
	}
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	r.vouched(t)

	b.stop(t)
	r.generate(t, "stuck-", 3000, 2)
	testkit.WaitLog(t, x.logs, wait, "no answer from NATS")
	r.loseSlot(t)
	r.generate(t, "lost-again-", 10, 2)
	b.start(t)
	x.logs.Wait(t, wait, "the slot is made anew again", nth(2, func(e testkit.LogEntry) bool { return e.Message == anew }))
	r.generate(t, "c-", 10, 2)
	r.agrees(t)
	x.stop(t)
}

// nth is true for the nth entry that satisfies cond.
func nth(n int, cond func(testkit.LogEntry) bool) func(testkit.LogEntry) bool {
	return func(e testkit.LogEntry) bool {
		if cond(e) {
			n--
		}
		return n == 0
	}
}

const followsAgain = "the publication follows it again"

// TestMatrixRenamed: LiteLLM's table is renamed and one of its old name made, under
// the service and while it is away. The publication stays with the old table, which
// nobody would tell.
func TestMatrixRenamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	rename := func(to string) {
		r.exec(t, fmt.Sprintf(`BEGIN; ALTER TABLE "LiteLLM_SpendLogs" RENAME TO %q; CREATE TABLE "LiteLLM_SpendLogs" (LIKE %[1]q INCLUDING ALL); COMMIT`, to))
		r.tables = append(r.tables, to)
	}
	rename("LiteLLM_SpendLogs_1")
	r.generate(t, "b-", 10, 2)
	testkit.WaitLog(t, x.logs, wait, followsAgain)
	r.generate(t, "c-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)

	rename("LiteLLM_SpendLogs_2")
	r.generate(t, "d-", 10, 2)
	x = r.following(t)
	testkit.WaitLog(t, x.logs, wait, followsAgain)
	r.generate(t, "e-", 10, 2)
	r.agrees(t)
	x.stop(t)
}

// TestMatrixPartitioned does what LiteLLM's script for partitions does: it renames the
// table, makes a partitioned one of the old name, copies the old rows into it. Partitions
// come and go later on.
func TestMatrixPartitioned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	r.generate(t, "a-", 300, 2)
	r.agrees(t)
	r.exec(t, `BEGIN; ALTER TABLE "LiteLLM_SpendLogs" RENAME TO "LiteLLM_SpendLogs_old";
		CREATE TABLE "LiteLLM_SpendLogs" (LIKE "LiteLLM_SpendLogs_old" INCLUDING DEFAULTS, PRIMARY KEY (request_id, "startTime")) PARTITION BY RANGE ("startTime");
		CREATE TABLE spend_logs_rest PARTITION OF "LiteLLM_SpendLogs" DEFAULT; COMMIT`)
	r.generate(t, "b-", 300, 2)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" SELECT * FROM "LiteLLM_SpendLogs_old" WHERE "startTime" > now() - interval '30 days' ON CONFLICT DO NOTHING`)
	testkit.WaitLog(t, x.logs, wait, followsAgain)
	x.follows(t, 2)
	r.generate(t, "c-", 300, 2)
	r.agrees(t)
	r.exec(t, `CREATE TABLE spend_logs_next PARTITION OF "LiteLLM_SpendLogs" FOR VALUES FROM ('2200-01-01') TO ('2200-02-01');
		INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) SELECT 'next-' || i, '', '2200-01-02', '2200-01-02', 'failure' FROM generate_series(1, 5) i`)
	r.agrees(t)
	r.exec(t, `ALTER TABLE "LiteLLM_SpendLogs" DETACH PARTITION spend_logs_next`)
	r.tables = append(r.tables, "spend_logs_next")
	r.generate(t, "d-", 300, 2)
	r.agrees(t)
	x.stop(t)
}

// TestIdleTimeout: the server gave up on a slot that nobody followed for long
// (idle_replication_slot_timeout, from 18 on).
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	r := newRig(t, testkit.WithServer(server))
	if server.Major() < 18 {
		return // the setting is not there
	}
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	r.generate(t, "away-", 10, 2)
	r.exec(t, "ALTER SYSTEM SET idle_replication_slot_timeout = '1s'")
	r.exec(t, "SELECT pg_reload_conf()")
	testkit.Eventually(t, wait, "the slot is lost", func() bool {
		r.exec(t, "CHECKPOINT") // which looks for such slots
		return r.slotStatus(t) == "lost"
	})
	x = r.following(t)
	if reason := fmt.Sprint(testkit.WaitLog(t, x.logs, wait, "the replication slot can't be followed any more and is made anew").Attrs["reason"]); !containsAll(reason, "idle_replication_slot_timeout") {
		t.Errorf("reason %q", reason)
	}
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	r.gapFilled(t, "away-", 5)
	x.stop(t)
}

// hasEach waits until the log holds every failure of the table, whatever else it holds,
// and checks that nothing is there twice.
func (r *rig) hasEach(t *testing.T) {
	t.Helper()
	var count map[event.ID]int
	testkit.Eventually(t, wait, "every failure is in the log", func() bool {
		count = map[event.ID]int{}
		for _, id := range r.logged(t) {
			count[id]++
		}
		for id := range r.failed(t) {
			if count[id] == 0 {
				return false
			}
		}
		return true
	})
	for id, n := range count {
		if n > 1 {
			t.Errorf("%s is in the log %d times", id, n)
		}
	}
}

// TestFilesSetBack: the database's files are put back to what they were (a snapshot of
// its disk), and its log has overtaken ours with other rows before we see it: the same
// server, the same history, and each of these rows at a position that we have passed.
func TestFilesSetBack(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	r := newRig(t, testkit.WithServer(server))
	var data string
	if err := r.sql.QueryRow(t.Context(), "SELECT current_setting('data_directory')").Scan(&data); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(t.TempDir(), "data")
	stopAnd := func(command ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := server.Stop(ctx, pgtemp.Fast); err != nil {
				return err
			}
			return exec.CommandContext(ctx, "sh", append([]string{"-c"}, command...)...).Run()
		}
	}
	x := r.following(t)
	r.generate(t, "before-", 100, 2)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	r.restart(t, stopAnd(`cp -a "$0" "$1"`, data, snapshot))

	x = r.following(t)
	r.generate(t, "gone-", 500, 1)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	r.restart(t, stopAnd(`rm -rf "$0" && cp -a "$1" "$0"`, data, snapshot))
	for n := range 20 { // one transaction each
		r.generate(t, fmt.Sprintf("instead-%d-", n), 100, 1)
	}

	x = r.following(t)
	r.hasEach(t)
	r.generate(t, "after-", 100, 1)
	r.hasEach(t)
	r.vouched(t)
	x.stop(t)
}
