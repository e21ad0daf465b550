package testkit

import (
	"bytes"
	"slices"
	"testing"

	"github.com/faultwire/faultwire/pkg/sample"
)

func TestRowsOfEveryRelease(t *testing.T) {
	t.Parallel()
	for _, version := range Versions() {
		rows := Rows(t, version)
		failed := 0
		for _, r := range rows {
			if r.Failed() {
				failed++
			}
		}
		if failed < 50 || len(rows)-failed < 15 {
			t.Errorf("%s: %d rows, %d failed", version, len(rows), failed)
		}
		if !slices.IsSortedFunc(rows, func(a, b sample.Row) int { return a.StartTime.Compare(b.StartTime) }) {
			t.Errorf("%s: not oldest first", version)
		}
		if _, err := Schema(version); err != nil {
			t.Error(err)
		}
	}
	if _, err := Schema("0.1"); err == nil {
		t.Error("a schema of LiteLLM 0.1")
	}
}

// The choice in testdata is part of what ../shared/litellm holds, and enough to
// work with alone.
func TestFixturesAreAChoiceOfTheRows(t *testing.T) {
	t.Parallel()
	for _, version := range Versions() {
		if version == sample.Version {
			continue
		}
		b, err := testdata.ReadFile("testdata/" + version + ".rows.jsonl.gz")
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 60<<10 {
			t.Errorf("%s: %d bytes", version, len(b))
		}
		fixtures, err := sample.ReadRows(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, row := range Rows(t, version) {
			all[string(row.JSON)] = true
		}
		failed := 0
		for _, row := range fixtures {
			if !all[string(row.JSON)] {
				t.Errorf("%s: row %s is not among the release's rows", version, row.RequestID)
			}
			if row.Failed() {
				failed++
			}
		}
		if failed < 50 {
			t.Errorf("%s: %d failures in the fixtures", version, failed)
		}
	}
}
