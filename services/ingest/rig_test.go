package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest"
)

// wait is how long anything may take on a busy machine.
const wait = 60 * time.Second

// rig is a database, the streams of a broker, and the settings that join them.
type rig struct {
	db    *testkit.Database
	sql   *pgx.Conn
	store topology.Store
	cfg   ingest.Config
	// tables hold failures too: what the table was called before.
	tables []string
	// patience of the services' starts. rigOn makes it 2 s.
	patience time.Duration
	last     uint64 // of the log, as far as it was read
	log      []event.Failure
	beats    []event.Heartbeat
}

func newRig(t *testing.T, opts ...testkit.Option) *rig {
	t.Helper()
	_, conn := testkit.Broker(t)
	return rigOn(t, testkit.Postgres(t, opts...), conn)
}

func rigOn(t *testing.T, db *testkit.Database, conn *nats.Conn) *rig {
	t.Helper()
	r := &rig{db: db, sql: db.Conn(t), store: testkit.StoreOn(t, conn), patience: 2 * time.Second}
	r.cfg = ingest.Default()
	r.cfg.Ingest.Mode = "stream"
	r.cfg.Postgres.URL = config.URL(db.URL)
	r.cfg.Ingest.Slot = db.Name
	return r
}

// run is a running service.
type run struct {
	logs     *testkit.Logs
	registry *prometheus.Registry
	ready    *telemetry.Readiness
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// start runs a service; it is stopped at the end of the test at the latest.
func (r *rig) start(t *testing.T) *run {
	t.Helper()
	x := &run{logs: testkit.NewLogs(), registry: prometheus.NewRegistry(), ready: telemetry.NewReadiness(), done: make(chan struct{})}
	s, err := ingest.New(r.cfg, ingest.Deps{Store: r.store, Log: x.logs.Logger(t), Registerer: x.registry, Ready: x.ready, Patience: r.patience})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, x.cancel = context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		defer close(x.done)
		x.err = s.Run(ctx)
	}()
	t.Cleanup(func() { x.cancel(); <-x.done })
	return x
}

// following starts a service and waits until it follows the slot.
func (r *rig) following(t *testing.T) *run {
	t.Helper()
	x := r.start(t)
	x.follows(t, 1)
	return x
}

// follows waits until the service has begun to follow for the nth time.
func (x *run) follows(t *testing.T, n int) {
	t.Helper()
	seen := 0
	x.logs.Wait(t, wait, "the service follows the slot", func(e testkit.LogEntry) bool {
		if e.Message == "following LiteLLM's database" {
			seen++
		}
		return seen == n
	})
}

// stop stops the service, which must be no error.
func (x *run) stop(t *testing.T) {
	t.Helper()
	x.cancel()
	if err := x.result(t); err != nil {
		t.Error(err)
	}
}

// result waits for the end of the service.
func (x *run) result(t *testing.T) error {
	t.Helper()
	select {
	case <-x.done:
		return x.err
	case <-time.After(wait):
		t.Fatal("the service does not end")
		return nil
	}
}

// read adds what is new in the log.
func (r *rig) read(t *testing.T) {
	t.Helper()
	for e, err := range bus.Scan(t.Context(), r.store.JetStream, bus.Range{Stream: topology.Failures, Lo: r.last + 1, Hi: ^uint64(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		r.last = e.Seq
		if e.Subject == topology.HeartbeatSubject {
			h, err := event.Decode[event.Heartbeat](e.Data)
			if err != nil {
				t.Fatal(err)
			}
			r.beats = append(r.beats, h)
			continue
		}
		f, err := event.Decode[event.Failure](e.Data)
		if err != nil {
			t.Fatal(err)
		}
		h, err := topology.ReadHeader(e.Header)
		if err != nil || h.ID != f.ID || f.Position.System != "" && h.Position != f.Position || !h.Time.Equal(f.Committed) || h.Live == f.History || e.Subject != topology.FailureSubject(f.Class) {
			t.Errorf("entry %d on %s: headers %+v, %v; failure %s at %s", e.Seq, e.Subject, h, err, f.ID, f.Position)
		}
		r.log = append(r.log, f)
	}
}

// entries is how many entries the log has, heartbeats too.
func (r *rig) entries(t *testing.T) uint64 {
	t.Helper()
	stream, err := r.store.JetStream.Stream(t.Context(), topology.Failures)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// logged are the ids of the failures in the log, in order.
func (r *rig) logged(t *testing.T) []event.ID {
	t.Helper()
	var all []event.ID
	for e, err := range bus.Scan(t.Context(), r.store.JetStream, bus.Range{Stream: topology.Failures, Hi: ^uint64(0), HeadersOnly: true}) {
		if err != nil {
			t.Fatal(err)
		}
		h, err := topology.ReadHeader(e.Header)
		if err != nil {
			t.Fatal(err)
		}
		if h.ID != (event.ID{}) {
			all = append(all, h.ID)
		}
	}
	return all
}

// failed are the ids of the table's failures with their request ids.
func (r *rig) failed(t *testing.T) map[event.ID]string {
	t.Helper()
	all := map[event.ID]string{}
	for _, table := range append([]string{"LiteLLM_SpendLogs"}, r.tables...) {
		rows, err := r.sql.Query(t.Context(), fmt.Sprintf(`SELECT request_id, "startTime"::text FROM %q s
			WHERE coalesce(to_jsonb(s) ->> 'status', metadata ->> 'status', 'success') <> 'success'`, table))
		if err != nil {
			t.Fatal(err)
		}
		var requestID, startTime string
		_, err = pgx.ForEachRow(rows, []any{&requestID, &startTime}, func() error {
			all[event.NewID(event.SourceSpendLogs, requestID, startTime)] = requestID
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// agrees waits until the log holds the failures of the table, and checks that it
// holds each once and nothing else.
func (r *rig) agrees(t *testing.T) {
	t.Helper()
	want := r.failed(t)
	if len(want) == 0 {
		t.Fatal("nothing failed")
	}
	var got []event.ID
	testkit.Eventually(t, wait, fmt.Sprintf("%d failures are in the log", len(want)), func() bool {
		if r.entries(t) >= uint64(len(want)) {
			got = r.logged(t)
		}
		return len(got) >= len(want)
	})
	count := map[event.ID]int{}
	for _, id := range got {
		if count[id]++; count[id] == 2 {
			t.Errorf("twice in the log: %s %q", id, want[id])
		}
		if _, ok := want[id]; !ok {
			t.Errorf("in the log and not a failure of the table: %s", id)
		}
	}
	missing := 0
	for id, requestID := range want {
		if count[id] > 0 {
			continue
		}
		if missing++; missing <= 5 {
			t.Errorf("not in the log: %s %q", id, requestID)
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d failures are not in the log", missing, len(want))
	}
}

// insert writes rows as LiteLLM does, some in each transaction.
func (r *rig) insert(t *testing.T, rows []sample.Row) {
	t.Helper()
	for chunk := range slices.Chunk(rows, 60) {
		if err := sample.Insert(t.Context(), r.sql, chunk); err != nil {
			t.Fatal(err)
		}
	}
}

// generate inserts made-up rows in one transaction, of which one in every is a
// failure.
func (r *rig) generate(t *testing.T, prefix string, n, every int) {
	t.Helper()
	if err := generate(t.Context(), r.sql, prefix, n, every); err != nil {
		t.Fatal(err)
	}
}

func generate(ctx context.Context, conn *pgx.Conn, prefix string, n, every int) error {
	_, err := conn.Exec(ctx, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, model, "startTime", "endTime", status, metadata)
		SELECT $1 || i, '', 'gpt-4o', now() - interval '3 s', now() - interval '2 s', CASE WHEN i % $3 = 0 THEN 'failure' ELSE 'success' END,
			jsonb_build_object('status', 'failure', 'error_information', jsonb_build_object('error_class', 'Timeout', 'error_message', 'took too long'))
		FROM generate_series(1, $2) i ON CONFLICT DO NOTHING`, prefix, n, every)
	return err
}

func (r *rig) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := r.sql.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// metric is the value of a counter or gauge without labels; ok = it is there.
func (x *run) metric(t *testing.T, name string) (value float64, ok bool) {
	t.Helper()
	families, err := x.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

// rowsByID are the rows of the table as row_to_json prints them.
func (r *rig) rowsByID(t *testing.T) map[string]string {
	t.Helper()
	rows, err := r.sql.Query(t.Context(), `SELECT request_id, row_to_json(s)::text FROM "LiteLLM_SpendLogs" s`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var id, text string
	if _, err := pgx.ForEachRow(rows, []any{&id, &text}, func() error { all[id] = text; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// background runs do until it ends or the test calls the function returned, which
// waits for it.
func background(t *testing.T, do func(ctx context.Context) error) (wait func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return group.Wait
}

// hostile is a row with a name that means something to somebody downstream.
func hostile(t *testing.T, row sample.Row, i int, name string) sample.Row {
	t.Helper()
	var columns map[string]json.RawMessage
	if err := json.Unmarshal(row.JSON, &columns); err != nil {
		t.Fatal(err)
	}
	set := func(column string, value any) {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		columns[column] = b
	}
	set("request_id", fmt.Sprintf("hostile-%d-%s", i, name))
	set("model", name)
	set("model_group", name)
	set("end_user", name)
	var metadata map[string]any
	if err := json.Unmarshal(columns["metadata"], &metadata); err != nil {
		t.Fatal(err)
	}
	metadata["user_api_key_alias"] = name
	set("metadata", metadata)
	b, err := json.Marshal(columns)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sample.ParseRow(b)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// hostileNames are what scanners send.
func hostileNames() []string {
	return []string{
		"", " ", "a b", "*", ">", "failures.>", "a.b.c", "../../etc/passwd", "\x1b[31mred", "line\nbreak\r\n", "tab\t", `"quoted"`, `{"not": "json`,
		"'; DROP TABLE x; --", "模型-客服", "👩‍👩‍👧", "\u2028\u202e", strings.Repeat("x", 5000), "\x7f", "$SYS.>", "%s%n",
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

type rowType = sample.Row

func containsAll(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
