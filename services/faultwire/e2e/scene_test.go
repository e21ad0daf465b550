package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// patience is for what comes within a period and a few seconds; the machine may be
// busy. After a kill a message that was in work comes again after topology.AckWait.
const patience = 8 * time.Minute

// scene is a database with folders for `faultwire run`.
type scene struct {
	t      testing.TB
	db     *testkit.Database
	conn   *pgx.Conn
	output string
	store  string
	more   []string // further variables
}

func newScene(t testing.TB, opts ...testkit.Option) *scene {
	t.Helper()
	db := testkit.Postgres(t, opts...)
	return &scene{t: t, db: db, conn: db.Conn(t), output: filepath.Join(t.TempDir(), "output"), store: filepath.Join(t.TempDir(), "store")}
}

// env is the settings: short windows and periods, a slot of our own.
func (s *scene) env() []string {
	return append([]string{
		"DATABASE_URL=" + s.db.URL, "FAULTWIRE_INGEST_SLOT=" + s.db.Name, "FAULTWIRE_OUTPUT_DIR=" + s.output, "FAULTWIRE_NATS_STORE_DIR=" + s.store,
		"FAULTWIRE_NATS_MAX_BYTES=1GiB", "FAULTWIRE_ANALYZER_WINDOW=1s", "FAULTWIRE_REPORT_EVERY=5s", "FAULTWIRE_OUTPUT_MAX_ROWS=0", "FAULTWIRE_HTTP_ADDR=127.0.0.1:0",
	}, s.more...)
}

// follow starts `faultwire run` and waits until it says that it follows.
func (s *scene) follow() *process {
	s.t.Helper()
	p := start(s.t, "faultwire", s.env(), "run")
	p.expect(patience, `(?m)^following`)
	return p
}

// exec runs SQL.
func (s *scene) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// failed are the ids of failed requests, by SQL alone, sorted.
func (s *scene) failed() []string {
	s.t.Helper()
	rows, err := s.conn.Query(s.t.Context(), `SELECT request_id FROM "LiteLLM_SpendLogs" WHERE status <> 'success' OR status IS NULL AND metadata ->> 'status' = 'failure'`)
	if err != nil {
		s.t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// ids are the request ids in the live sets of the output folder, sorted; kind is
// error_logs_full or error_logs_analysis.
func (s *scene) ids(kind string) (all []string) {
	s.t.Helper()
	for _, set := range sets(s.t, s.output) {
		if set.Run == event.RunLive {
			all = append(all, set.ids(s.t, kind)...)
		}
	}
	slices.Sort(all)
	return all
}

// reported waits until as many rows are in complete sets as SQL finds failures, and
// then compares the two: each id, once.
func (s *scene) reported(patience time.Duration) {
	s.t.Helper()
	want := s.failed()
	testkit.Eventually(s.t, patience, fmt.Sprintf("%d failures in the files", len(want)), func() bool {
		return len(s.ids("error_logs_analysis")) >= len(want)
	})
	s.compare(want)
}

// liveIs waits for a number of rows in live sets.
func (s *scene) liveIs(n int) {
	s.t.Helper()
	testkit.Eventually(s.t, patience, fmt.Sprintf("%d failures in live reports", n), func() bool {
		return len(s.ids("error_logs_analysis")) == n
	})
}

// compare compares both files with what SQL finds.
func (s *scene) compare(want []string) {
	s.t.Helper()
	for _, kind := range []string{"error_logs_analysis", "error_logs_full"} {
		got := s.ids(kind)
		if slices.Equal(got, want) {
			continue
		}
		missing, extra := difference(want, got), difference(got, want)
		s.t.Errorf("%s: %d ids, want %d; %d missing: %q; %d too many: %q", kind, len(got), len(want), len(missing), missing[:min(len(missing), 20)], len(extra), extra[:min(len(extra), 20)])
	}
}

// difference is what of a is not in b, counting repeats.
func difference(a, b []string) []string {
	left := map[string]int{}
	for _, v := range a {
		left[v]++
	}
	for _, v := range b {
		left[v]--
	}
	maps.DeleteFunc(left, func(_ string, n int) bool { return n <= 0 })
	return slices.Sorted(maps.Keys(left))
}

// equal fails the test with the difference.
func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// alive is a context for what goes on beside a test.
func alive(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
