package spendlogtest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

// TestLargeRows takes rows of 50 MB from the WAL to the message that travels: it fits,
// and the row is copied nowhere but into the buffer that it is received in. It is the
// only test of its package, because it counts what is allocated.
func TestLargeRows(t *testing.T) {
	t.Parallel()
	const (
		size       = 50_000_000
		maxPayload = 1 << 20
	)
	db := testkit.Postgres(t)
	conn := db.Conn(t)
	fill := fmt.Sprintf("repeat('words of 50 bytes: quotes \" , 模型 and tabs in it. ', %d)", size/50)
	rows := []struct{ name, column, value string }{
		{"response", "response", "jsonb_build_object('text', " + fill + ")"},
		{"message", "metadata", `jsonb_build_object('status', 'failure', 'error_information', jsonb_build_object('error_class', 'Timeout', 'error_message', ` + fill + `))`},
		{"prompt", "metadata", "jsonb_build_object('status', 'failure', 'proxy_server_request', jsonb_build_object('body', " + fill + "))"},
	}
	sql := []string{`CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert')`, slot.CreateSQL(db.Name, 15)}
	for _, row := range rows {
		sql = append(sql, fmt.Sprintf(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status, %s) VALUES ('%s', '', now(), now(), 'failure', %s)`, row.column, row.name, row.value))
	}
	for _, s := range sql {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	builder := failure.NewBuilder(spendlog.Options{Redactor: redact.New(redact.Options{})}, maxPayload, testkit.Logger(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	before := allocated()
	received := uint64(0)
	err = spendlogtest.Follow(ctx, dialer, db.Name, "faultwire", func(row spendlogtest.Row) bool {
		arrived := allocated()
		received = max(received, arrived-before)
		e, err := builder.Live(row.Layout, row.Values, event.Position{}, failure.Commit{Time: time.Now()})
		before = allocated()
		if err != nil {
			t.Error(err)
			return false
		}
		f, err := event.Decode[event.Failure](e.Data)
		if err != nil || len(e.Data) > maxPayload {
			t.Errorf("message of %d bytes, %v", len(e.Data), err)
			return false
		}
		id := *f.Log.RequestID
		t.Logf("%s: %d bytes travel, %d KB were allocated for them", id, len(e.Data), (before-arrived)>>10)
		if built := before - arrived; built > size/4 {
			t.Errorf("%s: %d bytes allocated, the row is copied", id, built)
		}
		if !strings.Contains(string(f.Row), `{"cut":"`) {
			t.Errorf("%s: nothing is cut", id)
		}
		before = allocated()
		return id != rows[len(rows)-1].name
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB were allocated at most to receive a row of 50", received>>20)
	if received > 5*size/2 {
		t.Errorf("%d bytes were allocated to receive a row of %d: it is copied", received, size)
	}
}

// allocated returns how many bytes the process has allocated since it began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
