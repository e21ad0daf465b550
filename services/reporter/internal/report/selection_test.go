package report_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/reporter/internal/report"
)

func kindsOf(rows []string) []event.Kind {
	counts := map[string]int{}
	for _, row := range rows {
		counts[row]++
	}
	var kinds []event.Kind
	for fingerprint, n := range counts {
		kinds = append(kinds, event.Kind{Fingerprint: fingerprint, Failures: n})
	}
	return kinds
}

func TestSelection(t *testing.T) {
	t.Parallel()
	a30b := append(slices.Repeat([]string{"a"}, 30), "b", "a", "b")
	for name, test := range map[string]struct {
		most int
		want int   // rows
		not  []int // their positions that are left out
	}{
		"all":                        {0, 33, nil},
		"more than there are":        {100, 33, nil},
		"exactly":                    {33, 33, nil},
		"a late kind keeps its rows": {24, 24, []int{22, 23, 24, 25, 26, 27, 28, 29, 31}},
		"one past 20 of each":        {23, 23, []int{21, 22, 23, 24, 25, 26, 27, 28, 29, 31}},
		"fewer than 20 of each":      {21, 21, []int{20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32}},
		"a handful":                  {3, 3, nil},
	} {
		taken := report.Select(kindsOf(a30b), a30b, test.most)
		var not []int
		n := 0
		for i, ok := range taken {
			if ok {
				n++
			} else {
				not = append(not, i)
			}
		}
		if n != test.want {
			t.Errorf("%s: %d rows, want %d", name, n, test.want)
		}
		if test.not != nil {
			if diff := cmp.Diff(test.not, not); diff != "" {
				t.Errorf("%s: left out (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestSelectionProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a", "a", "a", "a", "b", "b", "c", "d"}), 0, 300).Draw(t, "rows")
		most := rapid.IntRange(0, 320).Draw(t, "most")
		kinds := kindsOf(rows)
		taken := report.Select(kinds, rows, most)
		n, byKind, reserved := 0, map[string]int{}, 0
		for i, ok := range taken {
			if ok {
				n++
				byKind[rows[i]]++
			}
		}
		for _, kind := range kinds {
			reserved += min(kind.Failures, report.OfEachKind)
		}
		want := len(rows)
		if most > 0 {
			want = min(want, most)
		}
		if n != want {
			t.Fatalf("%d rows, want %d", n, want)
		}
		for _, kind := range kinds {
			if least := min(kind.Failures, report.OfEachKind); reserved <= want && byKind[kind.Fingerprint] < least {
				t.Fatalf("kind %s has %d rows, want at least %d", kind.Fingerprint, byKind[kind.Fingerprint], least)
			}
		}
	})
}
