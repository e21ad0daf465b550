package failure_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// TestBudget: in a storm the first of each kind travel in full, and 10,000 others in
// an hour; the rest keep what is counted and shown, in a sixth of the bytes.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := failure.NewBuilder(spendlog.Options{}, maxPayload, testkit.Logger(t))
	l := layout(t)
	long := strings.Repeat(" and more", 600)
	build := func(i int, at time.Time, message string) (cut bool, f event.Failure, size int) {
		t.Helper()
		row := values(fmt.Sprint("id-", i, strings.Repeat("-long", 20)), "gpt-4o", "2026-11-24 10:00:00", "2026-11-24 10:00:01", metadata(message), "failure", "{}")
		e, err := b.Live(l, row, event.Position{Commit: 1, Row: i}, failure.Commit{Time: at})
		if err != nil {
			t.Fatal(err)
		}
		if f, err = event.Decode[event.Failure](e.Data); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(f.Row), `{"cut":"budget","bytes":`); got != e.Cut {
			t.Fatalf("cut %v, row %s", e.Cut, f.Row)
		}
		return e.Cut, f, len(e.Data)
	}
	_, whole, large := build(0, start, "overloaded"+long)
	for i := range 10_000 - 1 {
		if cut, _, _ := build(i, start, "overloaded"); cut {
			t.Fatalf("row %d is cut", i)
		}
	}
	for i := range 19 { // the first 20 of a kind
		if cut, _, _ := build(i, start, "overloaded"+long); cut {
			t.Errorf("row %d of the long kind is cut", i)
		}
	}
	cut, f, small := build(1, start, "overloaded"+long)
	if !cut || small > large/3 || small > 3<<10 {
		t.Errorf("cut %v: %d bytes of %d", cut, small, large)
	}
	if f.Fingerprint != whole.Fingerprint || f.Class != whole.Class || f.Title != whole.Title || !strings.Contains(*f.Log.RequestID, "id-1-long") || f.Model != "gpt-4o" {
		t.Errorf("failure %+v", f)
	}
	for i := range 20 {
		if cut, _, _ := build(i, start, "quota spent"); cut {
			t.Errorf("row %d of another kind is cut", i)
		}
	}
	if cut, _, _ := build(21, start, "quota spent"); !cut {
		t.Error("the 21st of another kind is not cut")
	}
	if cut, _, _ := build(22, start.Add(5*time.Minute), "quota spent"); cut {
		t.Error("the first of the next window is cut")
	}
	if cut, _, _ := build(23, start.Add(time.Hour), "overloaded"); cut {
		t.Error("the first of the next hour is cut")
	}
}
