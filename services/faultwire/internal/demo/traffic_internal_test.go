package demo

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/sample"
)

func rows(t *testing.T) []sample.Row {
	t.Helper()
	all, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestShifted: one constant for all rows and times, the last request ends at the
// moment asked for.
func TestShifted(t *testing.T) {
	t.Parallel()
	before := rows(t)
	end := time.Date(2031, 5, 17, 12, 0, 0, 0, time.UTC)
	after, err := shifted(before, end)
	if err != nil {
		t.Fatal(err)
	}
	by := after[0].StartTime.Sub(before[0].StartTime)
	last := time.Time{}
	for i := range after {
		if after[i].StartTime.Sub(before[i].StartTime) != by || after[i].EndTime.Sub(before[i].EndTime) != by || after[i].RequestID != before[i].RequestID {
			t.Fatalf("row %d: %s → %s", i, before[i].JSON, after[i].JSON)
		}
		if after[i].EndTime.After(last) {
			last = after[i].EndTime
		}
	}
	if !last.Equal(end) {
		t.Errorf("the last request ends at %s, want %s", last, end)
	}
	if _, err := shifted(nil, end); !errors.Is(err, errNoRows) {
		t.Errorf("no rows: %v", err)
	}
}

// TestCut: every row is in one flush, oldest first, and none is written before it
// happened.
func TestCut(t *testing.T) {
	t.Parallel()
	begin := time.Date(2031, 5, 17, 12, 0, 0, 0, time.UTC)
	all, err := shifted(rows(t), begin.Add(trafficTime))
	if err != nil {
		t.Fatal(err)
	}
	parts := cut(all, flushes)
	if len(parts) != flushes {
		t.Errorf("%d flushes", len(parts))
	}
	var together []sample.Row
	for i, part := range parts {
		if len(part) == 0 || failedOf(part) == 0 {
			t.Errorf("flush %d: %d rows, %d failed", i, len(part), failedOf(part))
		}
		for _, row := range part {
			if written := begin.Add(time.Duration(i) * flushEvery); row.EndTime.After(written) {
				t.Errorf("%s ends at %s and is written at %s", row.RequestID, row.EndTime, written)
			}
		}
		together = append(together, part...)
	}
	if !slices.IsSortedFunc(together, func(a, b sample.Row) int { return a.StartTime.Compare(b.StartTime) }) || len(together) != len(all) {
		t.Errorf("%d rows of %d, or out of order", len(together), len(all))
	}
}
