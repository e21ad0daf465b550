package totals_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/totals"
)

// ten is the time of a scene's first round.
var ten = time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC)

const patient = 10 * time.Second // of one query

type scene struct {
	t       *testing.T
	db      *testkit.Database
	conn    *pgx.Conn
	store   topology.Store
	log     *strings.Builder
	counter *totals.Counter
}

func newScene(t *testing.T, release string) *scene {
	t.Helper()
	s := &scene{t: t, db: testkit.Postgres(t, testkit.WithSchema(release)), store: testkit.Store(t)}
	s.conn = s.db.Conn(t)
	s.start(s.db.URL)
	return s
}

// start begins with a new counter, as a new process does.
func (s *scene) start(url string) {
	s.t.Helper()
	dialer, err := postgres.NewDialer(url)
	if err != nil {
		s.t.Fatal(err)
	}
	metrics, err := totals.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &strings.Builder{}
	counter := totals.New(totals.Config{
		Dialer: dialer, Schema: "public", Store: s.store, Metrics: metrics, Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Name: spendlog.Options{Redactor: redact.New(redact.Options{})}.Name,
	})
	s.counter = counter
	s.t.Cleanup(func() { counter.Close(s.t.Context()) })
}

func (s *scene) round(now time.Time) {
	s.t.Helper()
	s.counter.At(now, patient)
	if _, err := s.counter.Round(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// insert writes requests of a model that began at a time.
func (s *scene) insert(at time.Time, model, status string, n int) {
	s.t.Helper()
	s.exec(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", model_group, status)
		SELECT gen_random_uuid(), '', $1, $1, $2, $3 FROM generate_series(1, $4)`, at.UTC().Format(time.DateTime), model, status, n)
}

// minute is what TRAFFIC says of the minute of at.
func (s *scene) minute(at time.Time) event.Traffic {
	s.t.Helper()
	at = at.Truncate(time.Minute)
	minutes, err := bus.Minutes(s.t.Context(), s.store.JetStream, at, at.Add(time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(minutes) != 1 {
		s.t.Fatalf("%d entries of minute %s", len(minutes), at)
	}
	return minutes[0].Traffic
}

func (s *scene) equal(at time.Time, want map[string]event.Rate) {
	s.t.Helper()
	got := map[string]event.Rate{}
	for _, m := range s.minute(at).Models {
		got[m.Model] = m.Rate
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("minute %s (-want +got):\n%s", at, diff)
	}
}

// TestReleases counts the rows of each release, also of one without a status column,
// and compares with what SQL says of each failure.
func TestReleases(t *testing.T) {
	t.Parallel()
	for _, release := range testkit.Versions() {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, release)
			var some []sample.Row
			for i, row := range testkit.Rows(t, release) {
				if i%4 == 0 {
					some = append(some, row)
				}
			}
			if err := sample.Insert(t.Context(), s.conn, some); err != nil {
				t.Fatal(err)
			}
			// All within the two hours that a first round counts.
			s.exec(`UPDATE "LiteLLM_SpendLogs" SET "startTime" = timestamp '2026-11-23 08:00' + interval '1 minute' * (abs(hashtext(request_id)) % 120)`)
			s.round(ten)
			failed := `metadata->>'status' = 'failure'`
			if release != "1.67.2" {
				failed = `status = 'failure'`
			}
			rows, err := s.conn.Query(t.Context(), `SELECT coalesce(nullif(model_group, ''), nullif(model, ''), 'unknown'), count(*), count(*) FILTER (WHERE `+failed+`) FROM "LiteLLM_SpendLogs" GROUP BY 1`)
			if err != nil {
				t.Fatal(err)
			}
			want, total := map[string]event.Rate{}, event.Rate{}
			var model string
			var r event.Rate
			if _, err := pgx.ForEachRow(rows, []any{&model, &r.Requests, &r.Failed}, func() error {
				name := s.counter.Name(model)
				want[name], total = want[name].Plus(r), total.Plus(r)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if total.Failed == 0 || total.Failed == total.Requests {
				t.Fatalf("no mixed rows: %v", total)
			}
			minutes, err := bus.Minutes(t.Context(), s.store.JetStream, ten.Add(-3*time.Hour), ten)
			if err != nil || len(minutes) != 120 {
				t.Fatalf("%d minutes, %v", len(minutes), err)
			}
			got := map[string]event.Rate{}
			for _, minute := range minutes {
				for _, m := range minute.Models {
					got[m.Model] = got[m.Model].Plus(m.Rate)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by model (-SQL +counted):\n%s", diff)
			}
		})
	}
}

// TestLateRows: a minute is counted again, holds what was deleted since, and a new
// process goes on where the last one was.
func TestLateRows(t *testing.T) {
	t.Parallel()
	s := newScene(t, sample.Version)
	before := ten.Add(-time.Minute)
	s.insert(before, "a", "success", 3)
	s.round(ten)
	s.equal(before, map[string]event.Rate{"a": {Requests: 3}})

	s.insert(before, "a", "failure", 2)
	s.insert(before, "b", "success", 1)
	s.round(ten.Add(30 * time.Second)) // nothing is due
	s.equal(before, map[string]event.Rate{"a": {Requests: 3}})
	s.round(ten.Add(time.Minute))
	s.equal(before, map[string]event.Rate{"a": {Requests: 5, Failed: 2}, "b": {Requests: 1}})

	s.exec(`DELETE FROM "LiteLLM_SpendLogs"`) // LiteLLM's retention
	s.insert(before, "b", "failure", 3)
	s.start(s.db.URL)
	s.round(ten.Add(20 * time.Minute))
	s.equal(before, map[string]event.Rate{"a": {Requests: 5, Failed: 2}, "b": {Requests: 3, Failed: 3}})
	if n := len(s.minute(ten.Add(19 * time.Minute)).Models); n != 0 {
		t.Errorf("a minute without requests has %d models", n)
	}
	// The timeouts of 1.106 are written up to 100 minutes after they began.
	s.insert(before, "b", "failure", 7)
	s.round(ten.Add(2 * time.Hour))
	s.equal(before, map[string]event.Rate{"a": {Requests: 5, Failed: 2}, "b": {Requests: 10, Failed: 10}})
	stream, err := s.store.JetStream.Stream(t.Context(), topology.Traffic)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 240 {
		t.Errorf("%d entries of 240 minutes", n)
	}
}

// TestTwoProcesses: whoever counts with what another has overtaken reads anew.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	s := newScene(t, sample.Version)
	s.round(ten)
	first := s.counter
	s.start(s.db.URL)
	before := ten.Add(-time.Minute)
	s.insert(before, "a", "failure", 1)
	s.round(ten.Add(time.Minute))
	s.exec(`DELETE FROM "LiteLLM_SpendLogs"`)
	s.counter = first
	s.round(ten.Add(time.Minute)) // refused
	s.round(ten.Add(2 * time.Minute))
	s.equal(before, map[string]event.Rate{"a": {Requests: 1, Failed: 1}})
}

// TestHostileNames: whatever is a name stays a bounded text without secrets, and ten
// thousand of them are few entries.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := newScene(t, sample.Version)
	before := ten.Add(-time.Minute)
	key := "sk-" + strings.Repeat("aB3xY9", 8)
	for name, n := range map[string]int{"gpt.*.>\x1b[2J\n": 40, "": 41, strings.Repeat("模", 5000): 42, strings.Repeat("x ", 120) + key: 43, "'; DROP TABLE x; --": 44} {
		s.insert(before, name, "failure", n)
	}
	s.exec(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", model_group, status)
		SELECT 'm' || n, '', $1, $1, 'minted-' || n, 'failure' FROM generate_series(1, 10000) n`, before.Format(time.DateTime))
	s.round(ten)
	got := s.minute(before)
	if total := got.Total(); len(got.Models) != event.MaxTrafficModels || total != (event.Rate{Requests: 10210, Failed: 10210}) {
		t.Fatalf("%d models, %v", len(got.Models), total)
	}
	var names []string
	for _, m := range got.Models[:5] {
		names = append(names, m.Model)
		if len(m.Model) > 256 || strings.Contains(m.Model, key[:12]) {
			t.Errorf("%q", m.Model)
		}
	}
	if names[0] != "'; DROP TABLE x; --" || names[3] != "unknown" || names[4] != "gpt.*.>\x1b[2J\n" {
		t.Errorf("%q", names)
	}
	data, err := event.Encode(&got)
	if err != nil || len(data) > 64<<10 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestNoRight: without SELECT nothing is counted, and one line says how it would be.
func TestNoRight(t *testing.T) {
	t.Parallel()
	s := newScene(t, sample.Version)
	role := s.db.Name + "_r"
	s.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'x'")
	t.Cleanup(func() {
		if _, err := s.conn.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	config := s.conn.Config()
	s.start(fmt.Sprintf("postgres://%s:x@%s:%d/%s", role, config.Host, config.Port, config.Database))
	s.counter.At(ten, patient)
	for range 3 {
		if wait, err := s.counter.Round(t.Context()); postgres.State(err) != postgres.StateNoPrivilege || wait != 15*time.Minute {
			t.Fatalf("wait %s, %v", wait, err)
		}
	}
	want := `remedy="GRANT SELECT ON \"public\".\"LiteLLM_SpendLogs\" TO \"` + role + `\";"`
	if strings.Count(s.log.String(), want) != 1 || strings.Count(s.log.String(), "\n") != 1 {
		t.Errorf("said: %s", s.log)
	}
	s.exec(`GRANT SELECT ON "LiteLLM_SpendLogs" TO ` + role)
	s.round(ten)
	if n := len(s.minute(ten.Add(-time.Minute)).Models); n != 0 {
		t.Errorf("%d models", n)
	}
}

// TestSlowDatabase: a query that takes too long is given up, the next one asks for
// less, later; then everything is as before.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	s := newScene(t, sample.Version)
	metrics := s.counter.Metrics
	other := s.db.Conn(t)
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE "LiteLLM_SpendLogs"`); err != nil {
		t.Fatal(err)
	}
	s.counter.At(ten, 10*time.Millisecond)
	for _, most := range []int{7, 3, 1, 1} {
		wait, err := s.counter.Round(t.Context())
		if postgres.State(err) != postgres.StateQueryCanceled || wait != 15*time.Minute || s.counter.Most() != time.Duration(most)*time.Minute {
			t.Fatalf("wait %s, at most %s in one query, %v", wait, s.counter.Most(), err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		s.round(ten)
	}
	if s.counter.Most() != 15*time.Minute {
		t.Errorf("at most %s in one query", s.counter.Most())
	}
	if n := testutil.CollectAndCount(metrics, "faultwire_requests_count_interval_seconds"); n != 1 {
		t.Errorf("%d intervals exported", n)
	}
}
