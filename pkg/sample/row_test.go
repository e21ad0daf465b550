package sample_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

func rows(t testing.TB) []sample.Row {
	t.Helper()
	rows, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRowsAreAllThereOldestFirst(t *testing.T) {
	t.Parallel()
	all := rows(t)
	failed := 0
	ids := map[string]bool{}
	for _, r := range all {
		ids[r.RequestID] = true
		if r.Failed() {
			failed++
		}
		if r.Failed() != (r.Status == "failure") {
			t.Errorf("%s: status %q, Failed() %t", r.RequestID, r.Status, r.Failed())
		}
	}
	if len(all) != 762 || failed != 262 || len(ids) != 762 {
		t.Errorf("%d rows, %d failed, %d ids; want 762, 262, 762", len(all), failed, len(ids))
	}
	if !slices.IsSortedFunc(all, func(a, b sample.Row) int { return a.StartTime.Compare(b.StartTime) }) {
		t.Error("not oldest first")
	}
}

func TestParseRow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 7, 11, 55, 990e6, time.UTC)
	const times = `"request_id":"r","startTime":"2026-11-23T07:11:55.99","endTime":"2026-11-23T07:11:56",`
	for name, c := range map[string]struct {
		json   string
		status string
		failed bool
	}{
		"success":           {`{` + times + `"status":"success","metadata":{"status":"failure"}}`, "success", false},
		"failure":           {`{` + times + `"status":"failure"}`, "failure", true},
		"another status":    {`{` + times + `"status":"odd"}`, "odd", true},
		"null, by metadata": {`{` + times + `"status":null,"metadata":{"status":"failure"}}`, "", true},
		"no column":         {`{` + times + `"metadata":{"status":"failure"}}`, "", true},
		"metadata a string": {`{` + times + `"metadata":"{\"status\":\"failure\"}"}`, "", true},
		"nothing says so":   {`{` + times + `"status":null,"metadata":null}`, "", false},
		"metadata an array": {`{` + times + `"metadata":[1]}`, "", false},
	} {
		r, err := sample.ParseRow([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.RequestID != "r" || !r.StartTime.Equal(at) || !r.EndTime.Equal(at.Add(10*time.Millisecond)) || !r.CompletionStartTime.IsZero() {
			t.Errorf("%s: %+v", name, r)
		}
		if r.Status != c.status || r.Failed() != c.failed {
			t.Errorf("%s: status %q, failed %t; want %q, %t", name, r.Status, r.Failed(), c.status, c.failed)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{"request_id":"r"}`,
		`{"request_id":"r","startTime":"yesterday","endTime":"2026-11-23T07:11:56"}`,
		`{"request_id":"r","startTime":null,"endTime":"2026-11-23T07:11:56"}`,
	} {
		if _, err := sample.ParseRow([]byte(bad)); !errors.Is(err, sample.ErrNotARow) {
			t.Errorf("%s: %v, want ErrNotARow", bad, err)
		}
	}
}

// without returns a row's columns but the three times.
func without(t testing.TB, row sample.Row) (rest map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(row.JSON, &rest); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"startTime", "endTime", "completionStartTime"} {
		delete(rest, name)
	}
	return rest
}

func TestShiftMovesThreeTimesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		all := testkit.Rows(t, version)
		all = all[:min(len(all), 200)]
		by := 17*24*time.Hour + 3*time.Hour + 1234*time.Millisecond + 999*time.Microsecond
		moved, err := sample.Shift(all, by)
		if err != nil {
			t.Fatal(err)
		}
		by = by.Truncate(time.Millisecond)
		for i, was := range all {
			is := moved[i]
			if !is.StartTime.Equal(was.StartTime.Add(by)) || !is.EndTime.Equal(was.EndTime.Add(by)) {
				t.Fatalf("%s %s: %s – %s became %s – %s", version, was.RequestID, was.StartTime, was.EndTime, is.StartTime, is.EndTime)
			}
			if was.CompletionStartTime.IsZero() != is.CompletionStartTime.IsZero() {
				t.Fatalf("%s %s: completionStartTime %s became %s", version, was.RequestID, was.CompletionStartTime, is.CompletionStartTime)
			}
			if a, b := without(t, was), without(t, is); !maps.EqualFunc(a, b, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) }) {
				t.Fatalf("%s %s: %s", version, was.RequestID, cmp.Diff(a, b))
			}
		}
	}
}

func TestShiftThereAndBackIsTheSameBytes(t *testing.T) {
	t.Parallel()
	all := rows(t)
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SampledFrom(all).Draw(t, "row")
		before := bytes.Clone(row.JSON)
		by := time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "ms")) * time.Millisecond
		there, err := sample.Shift([]sample.Row{row}, by)
		if err != nil {
			t.Fatal(err)
		}
		back, err := sample.Shift(there, -by)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back[0].JSON, before) {
			t.Fatalf("became\n%s\nwas\n%s", back[0].JSON, before)
		}
		if !bytes.Equal(row.JSON, before) {
			t.Fatal("the row given was changed")
		}
	})
}

// What lies deeper than the columns, and what is odd around them, stays.
func TestShiftLooksAtColumnsOnly(t *testing.T) {
	t.Parallel()
	row, err := sample.ParseRow([]byte(`{ "metadata":{"startTime":"2026-01-01T00:00:00"},"startTime": "2026-12-31T23:59:59.999" ,` +
		`"request_id":"\"startTime\":\"2026-01-01T00:00:00\"","endTime":"2027-01-01T00:00:00","completionStartTime":null}`))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := sample.Shift([]sample.Row{row}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	want := `{ "metadata":{"startTime":"2026-01-01T00:00:00"},"startTime": "2027-01-01T00:00:00" ,` +
		`"request_id":"\"startTime\":\"2026-01-01T00:00:00\"","endTime":"2027-01-01T00:00:00.001","completionStartTime":null}`
	if got := string(moved[0].JSON); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever is taken for a row can be moved, and comes back by moving it back.
func FuzzShift(f *testing.F) {
	f.Add([]byte(`{"request_id":"r","startTime":"2026-11-23T07:11:55.99","endTime":"2026-11-23T07:11:56","completionStartTime":null}`), int64(1500))
	f.Add([]byte(` {"startTime":"2026-11-23T07:11:55.99", "request_id":"", "endTime":"2026-11-23T07:11:56.1", "startTime":null}`), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, ms int64) {
		row, err := sample.ParseRow(data)
		if err != nil {
			return
		}
		by := time.Duration(ms%1e12) * time.Millisecond
		there, err := sample.Shift([]sample.Row{row}, by)
		if err != nil {
			return // a year outside 0000 to 9999, a doubled column
		}
		if !there[0].StartTime.Equal(row.StartTime.Truncate(time.Millisecond).Add(by)) {
			t.Errorf("%s moved by %s is %s", row.StartTime, by, there[0].StartTime)
		}
		if there[0].RequestID != row.RequestID || there[0].Failed() != row.Failed() {
			t.Errorf("%q became %q", data, there[0].JSON)
		}
	})
}
