package failure_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const maxPayload = 1 << 20

func layout(t *testing.T) *spendlog.Layout {
	t.Helper()
	const text, timestamp, jsonb = 25, 1114, 3802
	l, err := spendlog.NewLayout([]spendlog.Column{
		{Name: "request_id", OID: text},
		{Name: "model", OID: text},
		{Name: "startTime", OID: timestamp},
		{Name: "endTime", OID: timestamp},
		{Name: "metadata", OID: jsonb},
		{Name: "status", OID: text},
		{Name: "response", OID: jsonb},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func values(texts ...string) []spendlog.Value {
	row := make([]spendlog.Value, len(texts))
	for i, text := range texts {
		row[i] = spendlog.Value{Text: []byte(text)}
	}
	return row
}

func metadata(message string) string {
	return fmt.Sprintf(`{"status": "failure", "error_information": {"error_class": "Timeout", "error_message": %q}}`, message)
}

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// TestPayload: whatever is large in a row, its message fits, and says what was cut.
func TestPayload(t *testing.T) {
	t.Parallel()
	const huge = 12 << 20
	b := failure.NewBuilder(spendlog.Options{KeepPrompts: true}, maxPayload, testkit.Logger(t))
	at := []string{"2026-11-24 10:00:00", "2026-11-24 10:00:01"}
	for name, row := range map[string][]spendlog.Value{
		"small":      values("id", "gpt-4o", at[0], at[1], metadata("x"), "failure", "{}"),
		"response":   values("id", "gpt-4o", at[0], at[1], metadata("x"), "failure", `{"text": "`+strings.Repeat("x", huge)+`"}`),
		"message":    values("id", "gpt-4o", at[0], at[1], metadata(strings.Repeat("long ", huge/5)), "failure", "{}"),
		"model":      values("id", strings.Repeat("模", huge/3), at[0], at[1], metadata("x"), "failure", "{}"),
		"request_id": values(strings.Repeat("i", huge), "gpt-4o", at[0], at[1], metadata("x"), "failure", "{}"),
		"half":       values("id", "gpt-4o", at[0], at[1], metadata(strings.Repeat("y", maxPayload/2)), "failure", `"`+strings.Repeat("x", maxPayload/2)+`"`),
	} {
		e, err := b.Live(layout(t), row, event.Position{System: "1", Timeline: 1, Commit: 9, Row: 1}, failure.Commit{Time: start})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(e.Data) > maxPayload-4096 {
			t.Errorf("%s: message of %d bytes", name, len(e.Data))
		}
		f, err := event.Decode[event.Failure](e.Data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if cut := strings.Contains(string(f.Row), `"cut"`); cut != (name != "small") {
			t.Errorf("%s: cut = %v: %.200s", name, cut, f.Row)
		}
		if want := event.NewID(event.SourceSpendLogs, string(row[0].Text), at[0]); e.Header.ID != want {
			t.Errorf("%s: id %s, want %s", name, e.Header.ID, want)
		}
		if strings.Contains(string(e.Data), "�") {
			t.Errorf("%s: cut inside a character", name)
		}
	}
}

func TestTinyPayload(t *testing.T) {
	t.Parallel()
	b := failure.NewBuilder(spendlog.Options{}, 1000, testkit.Logger(t))
	_, err := b.Live(layout(t), values("id", "m", "2026-11-24 10:00:00", "2026-11-24 10:00:01", metadata(strings.Repeat("x", 5000)), "failure", "{}"), event.Position{}, failure.Commit{})
	if !errors.Is(err, failure.ErrPayload) {
		t.Errorf("error %v", err)
	}
}

// TestHistory: what was committed over a day after it began doesn't count as live.
func TestHistory(t *testing.T) {
	t.Parallel()
	b := failure.NewBuilder(spendlog.Options{}, maxPayload, testkit.Logger(t))
	row := values("id", "m", "2026-11-24 10:00:00", "2026-11-24 10:00:01", metadata("x"), "failure", "{}")
	for after, live := range map[time.Duration]bool{
		0: true, 24 * time.Hour: true, 24*time.Hour + time.Microsecond: false, 30 * 24 * time.Hour: false, -time.Hour: true,
	} {
		e, err := b.Live(layout(t), row, event.Position{}, failure.Commit{Time: start.Add(after)})
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.Live != live {
			t.Errorf("committed %s later: live = %v", after, e.Header.Live)
		}
	}
}

// TestUnreadable rows are logged in what can be read of them, never lost.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	b := failure.NewBuilder(spendlog.Options{}, maxPayload, testkit.Logger(t))
	for _, row := range [][]spendlog.Value{
		values("id", "m", "infinity", "rubbish", "not json", "failure", "{"),
		values("", "", "", "", "", "", ""),
		values("id"),
		make([]spendlog.Value, 7),
		{{Null: true}, {Null: true}, {Null: true}, {Null: true}, {Null: true}, {Null: true}, {Null: true}},
	} {
		e, err := b.Live(layout(t), row, event.Position{}, failure.Commit{Time: start})
		if err != nil || !e.IsFailure() || !e.IsMessage() {
			t.Errorf("%v: %+v, %v", row, e, err)
		}
	}
}
