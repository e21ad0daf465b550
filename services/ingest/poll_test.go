package ingest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest"
)

func setup(t *testing.T, r *rig) (ingest.Report, error) {
	t.Helper()
	return ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
}

// TestAutoPolls: where streaming is not possible, failures are read all the same,
// with no change to the database, and the log says what is missing.
func TestAutoPolls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Mode = "auto"
	r.as(t, "")
	r.exec(t, fmt.Sprintf(`GRANT SELECT ON "LiteLLM_SpendLogs" TO %s`, r.db.Name))
	r.generate(t, "old-", 10, 2)
	x := r.start(t)
	e := testkit.WaitLog(t, x.logs, wait, "polling every 10 s; streaming would")
	if text := fmt.Sprint(e.Attrs["missing"]); !containsAll(text, "CREATE PUBLICATION") {
		t.Errorf("missing %q", text)
	}
	r.vouched(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.generate(t, "b-", 3000, 2)
	r.agrees(t)
	r.read(t)
	for _, f := range r.log {
		if old := (*f.Log.RequestID)[0] == 'o'; f.History != old || f.Gap || !f.Estimated {
			t.Errorf("failure %s: history %v, gap %v, estimated %v", *f.Log.RequestID, f.History, f.Gap, f.Estimated)
		}
	}
	var made int
	if err := r.sql.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())").Scan(&made); err != nil || made != 0 {
		t.Errorf("%d publications and slots, %v", made, err)
	}
	if on, _ := x.metric(t, "faultwire_ingest_connected"); on != 1 {
		t.Errorf("connected %v", on)
	}
	testkit.Eventually(t, wait, "ready", func() bool {
		answer := httptest.NewRecorder()
		x.ready.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return answer.Code == http.StatusOK
	})
	x.stop(t)
}

// TestModeSwitch: from start to start by another mode, with rows in between: nothing
// is lost, nothing twice.
func TestModeSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, mode := range []string{"poll", "stream", "poll", "auto", "stream"} {
		r.cfg.Ingest.Mode = mode
		x := r.start(t)
		r.vouched(t)
		r.generate(t, fmt.Sprint("with-", i, "-"), 200, 2)
		r.agrees(t)
		x.stop(t)
		r.generate(t, fmt.Sprint("between-", i, "-"), 200, 2)
	}
	r.cfg.Ingest.Mode = "poll"
	r.start(t)
	r.agrees(t)
}

// TestPollStandby: of two that poll one reads, and the other takes over.
func TestPollStandby(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Mode = "poll"
	first := r.start(t)
	r.vouched(t)
	second := r.start(t)
	r.generate(t, "a-", 100, 2)
	r.agrees(t)
	if n, _ := second.metric(t, "faultwire_ingest_published_total"); n != 0 {
		t.Errorf("the standby has published %v", n)
	}
	first.stop(t)
	r.generate(t, "b-", 100, 2)
	r.agrees(t)
	if n, _ := second.metric(t, "faultwire_ingest_published_total"); n != 50 {
		t.Errorf("the second has published %v", n)
	}
}

// TestPollNotReadable: with neither right nothing works, and both remedies are said.
func TestPollNotReadable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Ingest.Mode = "auto"
	r.as(t, "")
	err := r.start(t).result(t)
	if !ingest.IsSettings(err) || !containsAll(err.Error(), "CREATE PUBLICATION", "GRANT SELECT") {
		t.Errorf("error %v", err)
	}
}

// TestPollFull: while the analyzer has too much before it, polls end early, and still
// a heartbeat comes, which names the gap; then it is filled.
func TestPollFull(t *testing.T) {
	t.Parallel()
	_, conn := testkit.Broker(t)
	testkit.SmallStoreOn(t, conn, 8<<20)
	r := rigOn(t, testkit.Postgres(t), conn)
	r.cfg.Ingest.Mode = "poll"
	x := r.start(t)
	r.vouched(t)
	r.generate(t, "full-", 2000, 1)
	testkit.Eventually(t, wait, "a quarter of the log is not analysed", func() bool {
		share, _ := x.metric(t, "faultwire_ingest_unanalysed_ratio")
		return share > 0.25
	})
	r.generate(t, "more-", 100, 1)
	testkit.Eventually(t, wait, "a heartbeat names the gap", func() bool {
		r.read(t)
		return r.beats[len(r.beats)-1].Gap != nil
	})
	r.analyse(t)
	r.agrees(t)
	testkit.Eventually(t, wait, "the gap is closed", func() bool {
		r.read(t)
		return r.beats[len(r.beats)-1].Gap == nil
	})
}
