package compose

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

const (
	// longest is for machines that have neither images nor compiled packages.
	longest  = 45 * time.Minute
	patience = 90 * time.Second // for what takes seconds on a machine that has nothing else to do
)

// TestFailuresComeThroughTheContainers inserts real rows into the Postgres of
// docker-compose.yml and finds exactly its failures in the files on this machine
// and in the counters of its Prometheus; also when every program crashed meanwhile.
func TestFailuresComeThroughTheContainers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	if deadline, ok := t.Deadline(); ok { // leave time to clean up
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-2*time.Minute))
		defer cancel()
	}
	s := up(ctx, t)
	s.checkConfinement()
	db := s.database()
	rows := liveRows(t)
	parts := slices.Collect(slices.Chunk(rows, len(rows)/7+1))

	insert(ctx, t, db, parts[0])
	s.checkComplete(db)
	for i, service := range []string{"ingest", "analyzer", "reporter"} {
		insert(ctx, t, db, parts[1+2*i])
		s.crash(service)
		insert(ctx, t, db, parts[2+2*i])
	}
	s.checkComplete(db)

	page := described(t)
	s.checkMetrics("ingest", page, "faultwire_ingest_lag_seconds", "faultwire_slot_retained_bytes", "faultwire_build_info")
	s.checkMetrics("analyzer", page, "faultwire_analyses_total", "faultwire_build_info")
	s.checkMetrics("reporter", page, "faultwire_failures_total", "faultwire_report_last_success_timestamp_seconds", "faultwire_build_info")
	s.checkRules()
}

// liveRows are LiteLLM's, moved to the present so that they are no history.
func liveRows(t *testing.T) []sample.Row {
	t.Helper()
	rows, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	latest := slices.MaxFunc(rows, func(a, b sample.Row) int { return a.EndTime.Compare(b.EndTime) })
	rows, err = sample.Shift(rows, time.Since(latest.EndTime))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// insert writes rows as LiteLLM does, in several transactions.
func insert(ctx context.Context, t *testing.T, db *pgx.Conn, rows []sample.Row) {
	t.Helper()
	for some := range slices.Chunk(rows, 50) {
		if err := sample.Insert(ctx, db, some); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *stack) database() *pgx.Conn {
	s.t.Helper()
	c, err := pgx.ParseConfig("host=" + s.address("postgres") + " user=litellm dbname=litellm sslmode=disable")
	if err != nil {
		s.t.Fatal(err)
	}
	c.Password = password
	db, err := pgx.ConnectConfig(s.ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close(context.Background()) })
	var version string
	if err := db.QueryRow(s.ctx, "SELECT version()").Scan(&version); err != nil {
		s.t.Fatal(err)
	}
	s.t.Log(version)
	return db
}

// checkConfinement fails the test when a program of ours has any right of root.
func (s *stack) checkConfinement() {
	s.t.Helper()
	for _, service := range []string{"ingest", "analyzer", "reporter"} {
		status, err := os.ReadFile("/proc/" + s.process(service) + "/status")
		if err != nil {
			s.t.Fatal(err)
		}
		got := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs):[ \t]*(.*?)[ \t]*$`).FindAllStringSubmatch(string(status), -1) {
			got[m[1]] = m[2]
		}
		const nobody, none = "65532\t65532\t65532\t65532", "0000000000000000"
		want := map[string]string{"Uid": nobody, "Gid": nobody, "CapEff": none, "CapPrm": none, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1"}
		if service == "reporter" { // which left all groups by itself
			want["Groups"] = ""
		} else {
			delete(got, "Groups")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.t.Errorf("process of %s (-want +got):\n%s", service, diff)
		}
	}
}

// checkComplete waits until every failed row of the database is in the files, once,
// and in the counters.
func (s *stack) checkComplete(db *pgx.Conn) {
	s.t.Helper()
	rows, err := db.Query(s.ctx, `SELECT request_id FROM "LiteLLM_SpendLogs"
		WHERE status <> 'success' OR status IS NULL AND metadata->>'status' = 'failure' ORDER BY request_id`)
	if err != nil {
		s.t.Fatal(err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(want) // as Go does, not the database's locale
	for _, kind := range []string{"error_logs_full", "error_logs_analysis"} {
		var got []string
		testkit.Eventually(s.t, patience, kind+" has every failure", func() bool {
			got = s.reported(kind)
			return len(got) >= len(want)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			s.t.Errorf("request ids of %s (-database +files):\n%s", kind, diff)
		}
	}
	var counted float64
	if !testkit.Eventually(s.t, patience, "Prometheus has counted every failure", func() bool {
		counted = s.query("sum(faultwire_failures_total)")
		return counted == float64(len(want)) && s.query("count(up == 1)") == 3
	}) {
		s.t.Errorf("sum(faultwire_failures_total) = %v, want %d", counted, len(want))
	}
	s.t.Logf("%d failures in files and counters", len(want))
}

// reported are the request ids of one kind of file in all complete sets, sorted.
func (s *stack) reported(kind string) (all []string) {
	s.t.Helper()
	complete, err := filepath.Glob(filepath.Join(s.output, "????-??-??", "query_params_*.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range complete {
		dir, name := filepath.Split(path)
		path = filepath.Join(dir, strings.Replace(name, "query_params", kind, 1))
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		var rows []struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(text, &rows); err != nil {
			s.t.Fatalf("%s: %v", path, err)
		}
		for _, row := range rows {
			all = append(all, row.RequestID)
		}
		info, err := os.Stat(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 65532 { // Docker made the folder
			s.t.Errorf("%s belongs to %d, want 65532", path, stat.Uid)
		}
	}
	slices.Sort(all)
	return all
}
