package ingest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// vouched waits for a heartbeat after all that was read of the log.
func (r *rig) vouched(t *testing.T) {
	t.Helper()
	r.read(t)
	before := len(r.beats)
	testkit.Eventually(t, wait, "another heartbeat", func() bool { r.read(t); return len(r.beats) > before })
}

// gapFilled waits until a heartbeat names no gap any more after one did, and checks
// that n failures whose id begins with prefix are flagged, and no others.
func (r *rig) gapFilled(t *testing.T, prefix string, n int) {
	t.Helper()
	testkit.Eventually(t, wait, "the gap is closed", func() bool {
		r.read(t)
		named := false
		for _, b := range r.beats {
			if b.Gap == nil && named {
				return true
			}
			named = named || b.Gap != nil
		}
		return false
	})
	flagged := 0
	for _, f := range r.log {
		if f.Gap != strings.HasPrefix(*f.Log.RequestID, prefix) {
			t.Errorf("failure %s: of a gap %v", *f.Log.RequestID, f.Gap)
		}
		if f.Gap {
			flagged++
			if f.History || !f.Estimated || f.Position.System != "" {
				t.Errorf("failure of the gap %+v", f)
			}
		}
	}
	if flagged != n {
		t.Errorf("%d failures are flagged as of the gap, want %d", flagged, n)
	}
}

// TestHistory: the first start reads what was there, newest first, and marks it so
// that it counts nowhere; what comes meanwhile is live.
func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
		SELECT 'old-' || i, '', now() - i * interval '1 min', now() - i * interval '1 min', CASE WHEN i % 3 = 0 THEN 'failure' ELSE 'success' END FROM generate_series(1, 9000) i;
		INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) SELECT 'ancient-' || i, '', now() - interval '8 days', now(), 'failure' FROM generate_series(1, 5) i`)
	x := r.following(t)
	r.generate(t, "live-", 10, 2)
	testkit.WaitLog(t, x.logs, wait, "read out of LiteLLM's table")
	r.exec(t, `DELETE FROM "LiteLLM_SpendLogs" WHERE request_id LIKE 'ancient-%'`)
	r.agrees(t)
	r.vouched(t)
	if last := r.beats[len(r.beats)-1]; last.History || last.Gap != nil {
		t.Errorf("heartbeat %+v", last)
	}
	x.stop(t)
	before, entries := "", 0
	for _, f := range r.log {
		id := *f.Log.RequestID
		if f.History != strings.HasPrefix(id, "old-") || f.Gap {
			t.Errorf("failure %s: history %v, gap %v", id, f.History, f.Gap)
		}
		if !f.History {
			continue
		}
		if entries++; before != "" && *f.Log.Time > before {
			t.Errorf("row of %s after one of %s", *f.Log.Time, before)
		}
		before = *f.Log.Time
	}
	if entries != 3000 {
		t.Errorf("%d rows of history", entries)
	}
	// Not again.
	x = r.following(t)
	r.vouched(t)
	if n, _ := x.metric(t, "faultwire_ingest_read_total"); n != 0 {
		t.Errorf("%v rows read again", n)
	}
	r.agrees(t)
}

// TestHistoryOff reads nothing of what was there.
func TestHistoryOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.History = 0
	r.generate(t, "old-", 10, 2)
	r.following(t)
	r.exec(t, `DELETE FROM "LiteLLM_SpendLogs"`)
	r.generate(t, "live-", 10, 2)
	r.vouched(t)
	r.agrees(t)
}

// TestHistoryNotReadable: a role that may only replicate follows, and is told what
// it lacks.
func TestHistoryNotReadable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := setup(t, r); err != nil {
		t.Fatal(err)
	}
	r.as(t, "REPLICATION")
	r.generate(t, "a-", 10, 2)
	x := r.following(t)
	e := testkit.WaitLog(t, x.logs, wait, "can't read failures out of LiteLLM's table")
	if text := fmt.Sprint(e.Attrs["error"]); !containsAll(text, "GRANT SELECT ON \"public\".\"LiteLLM_SpendLogs\" TO") {
		t.Errorf("error %q", text)
	}
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	if last := r.beats[len(r.beats)-1]; last.History || last.Gap != nil {
		t.Errorf("heartbeat %+v", last)
	}
}

// TestRestoredLog: the data folder is replaced by an older copy of itself. What was
// read after the copy is read again, each row once.
func TestRestoredLog(t *testing.T) {
	t.Parallel()
	now, copied := t.TempDir(), t.TempDir()
	db := testkit.Postgres(t)
	follow := func(dir, prefix string) *rig {
		t.Helper()
		server, conn := testkit.Broker(t, testkit.WithStoreDir(dir))
		r := rigOn(t, db, conn)
		x := r.following(t)
		r.generate(t, prefix, 100, 2)
		r.agrees(t)
		r.vouched(t)
		x.stop(t)
		r.read(t)
		if err := server.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	follow(now, "before-")
	if err := os.CopyFS(copied, os.DirFS(now)); err != nil {
		t.Fatal(err)
	}
	follow(now, "after-")
	r := follow(copied, "live-")
	for _, f := range r.log {
		if id := *f.Log.RequestID; f.Gap != strings.HasPrefix(id, "after-") {
			t.Errorf("failure %s: of a gap %v", id, f.Gap)
		}
	}
}

// TestMissedOnly: what was there before the first start is no part of a gap.
func TestMissedOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.History = 0
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
		SELECT 'old-' || i, '', now() - interval '3 h', now() - interval '3 h', 'failure' FROM generate_series(1, 10) i`)
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	testkit.Eventually(t, wait, "the failures are in the log", func() bool { r.read(t); return len(r.log) == 5 })
	r.vouched(t)
	x.stop(t)
	r.exec(t, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", r.db.Name))
	r.generate(t, "between-", 10, 2)
	r.following(t)
	r.gapFilled(t, "between-", 5)
	for _, f := range r.log {
		if id := *f.Log.RequestID; f.History != strings.HasPrefix(id, "old-") {
			t.Errorf("failure %s: history %v", id, f.History)
		}
	}
}

// TestSlotIsABurden: a slot that can't be followed, for a reason that nobody of ours
// may mend, is dropped before it fills the database's disk.
func TestSlotIsABurden(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"wal_level": "logical", "fsync": "off", "max_slot_wal_keep_size": "64MB", "max_wal_size": "32MB"})
	r := newRig(t, testkit.WithServer(server))
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.vouched(t)
	r.exec(t, `ALTER PUBLICATION faultwire SET (publish = 'insert, update')`)
	testkit.WaitLog(t, x.logs, wait, "can't follow LiteLLM's database until this is mended")
	r.generate(t, "between-", 10, 2)
	r.exec(t, "SELECT pg_logical_emit_message(false, '', repeat('x', 10000000)) FROM generate_series(1, 2)")
	testkit.WaitLog(t, x.logs, wait, "the replication slot is dropped")
	r.exec(t, `ALTER PUBLICATION faultwire SET (publish = 'insert')`)
	x.follows(t, 2)
	r.generate(t, "b-", 10, 2)
	r.agrees(t)
	r.gapFilled(t, "between-", 5)
}
