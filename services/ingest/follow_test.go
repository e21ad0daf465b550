package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// TestFollow reads the rows of every release of LiteLLM, as LiteLLM inserts them:
// each failure once, in commit order, unchanged.
func TestFollow(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, testkit.WithSchema(version))
			r.cfg.Ingest.Redact, r.cfg.Ingest.KeepPrompts = false, true
			x := r.following(t)
			rows := testkit.Rows(t, version)
			r.insert(t, rows)
			r.insert(t, rows[len(rows)/2:]) // ON CONFLICT DO NOTHING
			r.agrees(t)

			r.read(t)
			table := r.rowsByID(t)
			at := event.Position{}
			for _, f := range r.log {
				if got, want := string(f.Row), table[*f.Log.RequestID]; got != want {
					t.Errorf("row %q differs from row_to_json:\ngot  %.600s\nwant %.600s", *f.Log.RequestID, got, want)
				}
				if f.Position.System == "" || f.Position.Timeline != 1 || f.Position.Row < 1 || f.Position.Compare(at) <= 0 {
					t.Errorf("position %s after %s", f.Position, at)
				}
				if f.Estimated || time.Since(f.Committed).Abs() > wait {
					t.Errorf("committed %s, estimated %v", f.Committed, f.Estimated)
				}
				if !f.History { // the rows are of another year
					t.Errorf("row %q of %s is not history", *f.Log.RequestID, f.Started)
				}
				at = f.Position
			}
			x.stop(t)
			if n, _ := x.metric(t, "faultwire_ingest_published_total"); int(n) != len(r.log) {
				t.Errorf("faultwire_ingest_published_total %v of %d", n, len(r.log))
			}
		})
	}
}

// TestLive checks what of a fresh failure an operator sees: that it counts, its
// delays, lag and readiness.
func TestLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.following(t)
	r.generate(t, "a-", 50, 5)
	r.agrees(t)
	r.read(t)
	for _, f := range r.log {
		if f.History || f.Committed.Before(f.Ended) || f.Committed.Sub(f.Started) > wait {
			t.Errorf("failure %+v", f)
		}
	}
	testkit.Eventually(t, wait, "a heartbeat after the rows", func() bool {
		r.read(t)
		n := len(r.beats)
		return n > 0 && r.beats[n-1].Watermark.After(r.log[len(r.log)-1].Committed)
	})
	for i, b := range r.beats {
		if i > 0 && (b.Watermark.Before(r.beats[i-1].Watermark) || b.Position.Compare(r.beats[i-1].Position) < 0) {
			t.Errorf("heartbeat %+v after %+v", b, r.beats[i-1])
		}
		if b.Position.Row != 0 || !b.Position.SameHistory(r.log[0].Position) {
			t.Errorf("heartbeat at %s", b.Position)
		}
	}
	if lag, ok := x.metric(t, "faultwire_ingest_lag_seconds"); !ok || lag <= 0 || lag > wait.Seconds() {
		t.Errorf("lag %v, %v", lag, ok)
	}
	if on, _ := x.metric(t, "faultwire_ingest_connected"); on != 1 {
		t.Errorf("connected %v", on)
	}
	testkit.Eventually(t, wait, "the slot was looked at", func() bool { _, ok := x.metric(t, "faultwire_slot_retained_bytes"); return ok })
	if problems, err := testutil.GatherAndLint(x.registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	x.stop(t)
}

// TestIdle: with rows that all succeed nothing is sent, and still the database may
// drop its log.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(t)
	r.generate(t, "ok-", 2000, 1_000_000)
	r.confirmed(t)
	if ids := r.logged(t); len(ids) > 0 {
		t.Errorf("%d successes are in the log", len(ids))
	}
}

// TestHostile sends names that mean something to subjects, terminals and files.
func TestHostile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(t)
	rows := testkit.Rows(t, "1.80.10")
	base := rows[slices.IndexFunc(rows, func(row rowType) bool { return row.Failed() })]
	for i, name := range hostileNames() {
		r.insert(t, []rowType{hostile(t, base, i, name)})
	}
	r.agrees(t)
	r.read(t)
	models := map[string]bool{}
	for _, f := range r.log {
		models[*f.Log.Model] = true
	}
	for _, name := range hostileNames() {
		if !models[name] {
			t.Errorf("model %q is not in the log; models: %.300q", name, sortedKeys(models))
		}
	}
}

// TestMatrixColumns: LiteLLM's migrations go on under the running service.
func TestMatrixColumns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Redact, r.cfg.Ingest.KeepPrompts = false, true
	r.following(t)
	r.generate(t, "before-", 4, 2)
	r.exec(t, `ALTER TABLE "LiteLLM_SpendLogs" ADD COLUMN created_at timestamp DEFAULT now(), DROP COLUMN agent_id`)
	r.generate(t, "after-", 4, 2)
	r.exec(t, `BEGIN; INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('within-1', '', now(), now(), 'failure');
		ALTER TABLE "LiteLLM_SpendLogs" ADD COLUMN billing_agent_id text DEFAULT 'x';
		INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status) VALUES ('within-2', '', now(), now(), 'failure'); COMMIT`)
	r.agrees(t)
	r.read(t)
	for _, f := range r.log {
		has := strings.Contains(string(f.Row), `"billing_agent_id":"x"`)
		if want := *f.Log.RequestID == "within-2"; has != want {
			t.Errorf("row %s: %s", *f.Log.RequestID, f.Row)
		}
	}
}
