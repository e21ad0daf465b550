package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// The tests called TestMatrix… are the suite that every major version of PostgreSQL
// has to pass: `make matrix`.

// TestMatrixToast reads values that the server keeps apart from their row,
// compressed and not, and nothing of LiteLLM's later UPDATEs.
func TestMatrixToast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Redact, r.cfg.Ingest.KeepPrompts = false, true
	r.following(t)
	r.exec(t, `ALTER TABLE "LiteLLM_SpendLogs" ALTER COLUMN messages SET STORAGE EXTERNAL`)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status, messages, response, metadata)
		SELECT 'toast-' || i, '', now(), now(), 'failure', to_jsonb(noise), jsonb_build_object('text', noise), jsonb_build_object('long', repeat('ab', 100000))
		FROM generate_series(1, 5) i, LATERAL (SELECT string_agg(md5((i * n)::text), ' ') AS noise FROM generate_series(1, 4000) n) x`)
	r.exec(t, `UPDATE "LiteLLM_SpendLogs" SET metadata = metadata || '{"saved": true}', spend = spend + 1`)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" SELECT * FROM "LiteLLM_SpendLogs" WHERE false; INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
		VALUES ('toast-1', '', now(), now(), 'failure') ON CONFLICT (request_id) DO UPDATE SET spend = 7; UPDATE "LiteLLM_SpendLogs" SET spend = 8`)
	r.generate(t, "after-", 2, 1)
	r.agrees(t)
	r.read(t)
	table := r.rowsByID(t)
	for _, f := range r.log {
		id := *f.Log.RequestID
		if !strings.HasPrefix(id, "toast-") {
			continue
		}
		// As it was inserted: all but what the UPDATEs changed.
		got, want := stripped(string(f.Row)), stripped(table[id])
		if got != want || len(got) < 200_000 {
			t.Errorf("row %s of %d bytes differs from row_to_json, %d bytes", id, len(got), len(want))
		}
	}
}

// stripped takes what TestMatrixToast updates out of a row.
func stripped(row string) string {
	_, row, _ = strings.Cut(row, `"total_tokens"`)
	return strings.Replace(strings.Replace(row, `, "saved": true`, "", 1), `"saved": true, `, "", 1)
}

// TestMatrixSavepoints: what was rolled back inside a transaction does not come.
func TestMatrixSavepoints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(t)
	row := func(id string) string {
		return fmt.Sprintf(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('%s', '', now(), now(), 'failure');`, id)
	}
	r.exec(t, "BEGIN;"+row("a")+"SAVEPOINT x;"+row("gone-1")+"SAVEPOINT y;"+row("gone-2")+"RELEASE y; ROLLBACK TO x;"+row("b")+"RELEASE x; COMMIT")
	r.exec(t, "BEGIN;"+row("gone-3")+"ROLLBACK")
	r.exec(t, `DO $$ BEGIN FOR i IN 1..300 LOOP BEGIN `+
		`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('loop-' || i, '', now(), now(), 'failure'); `+
		`IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$`)
	r.agrees(t)
	if n := len(r.logged(t)); n != 2+200 {
		t.Errorf("%d failures in the log", n)
	}
}

// TestMatrixRetention: LiteLLM deletes 300,000 rows at once while failures arrive.
// The deletions cost the server its time and us nothing: the failures come, and the
// slot does not hold the log back.
func TestMatrixRetention(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status)
		SELECT 'old-' || i, '', now() - interval '31 days', now() - interval '31 days', 'success' FROM generate_series(1, 300000) i`)
	x := r.following(t)
	conn := r.db.Conn(t)
	deleted := make(chan struct{})
	background(t, func(ctx context.Context) error {
		defer close(deleted)
		_, err := conn.Exec(ctx, `DELETE FROM "LiteLLM_SpendLogs" WHERE "startTime" < now() - interval '30 days'`)
		return err
	})
	for i, going := 0, true; going; i++ {
		select {
		case <-deleted:
			going = false
		default:
		}
		r.generate(t, fmt.Sprintf("meanwhile-%d-", i), 20, 5)
	}
	r.agrees(t)
	r.confirmed(t)
	x.stop(t)
}

// confirmed waits until the slot is confirmed past all that is committed now.
func (r *rig) confirmed(t *testing.T) {
	t.Helper()
	var inserted string
	if err := r.sql.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&inserted); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, wait, "the slot is confirmed past "+inserted, func() bool {
		var past bool
		err := r.sql.QueryRow(t.Context(), "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $2", inserted, r.cfg.Ingest.Slot).Scan(&past)
		return err == nil && past
	})
}
