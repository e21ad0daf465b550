package fingerprint

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
)

const goldenKinds = "testdata/kinds.txt"

// oneText are causes whose rows carry the same text, class, code and provider: no
// function of the row's error can tell them apart.
var oneText = [][]string{
	{"connect_refused", "connect_tls", "connect_reset"}, // "Connection error.", causes are not chained
	{"budget_key", "budget_end_user"},                   // 1.67: "Current cost: 5.0, Max budget: 1.0"
}

// measure is what a grouping of rows is worth.
type measure struct {
	rows, kinds, causes int
	unknown             int                        // rows of class unknown
	wrong               map[string]map[string]bool // kind → its causes, where it mixes
	missing             []string                   // texts without a cause: the catalogue of the test is behind
}

func measureKinds(rows []sample) measure {
	byKind := map[string]map[string]bool{}
	causes := map[string]bool{}
	m := measure{wrong: map[string]map[string]bool{}}
	for _, s := range rows {
		k := Of(s.error())
		m.rows += s.Rows
		if k.Class == event.ClassUnknown {
			m.unknown += s.Rows
		}
		if s.Cause == "" {
			m.missing = append(m.missing, s.Message)
		}
		causes[s.Cause] = true
		if byKind[k.ID] == nil {
			byKind[k.ID] = map[string]bool{}
		}
		byKind[k.ID][s.Cause] = true
	}
	for id, c := range byKind {
		same := func(names []string) bool {
			for name := range c {
				if !slices.Contains(names, name) {
					return false
				}
			}
			return true
		}
		if len(c) > 1 && !slices.ContainsFunc(oneText, same) {
			m.wrong[id] = c
		}
	}
	m.kinds, m.causes = len(byKind), len(causes)
	return m
}

func TestRealRows(t *testing.T) {
	t.Parallel()
	const most = 120
	check := func(t *testing.T, rows []sample) {
		m := measureKinds(rows)
		t.Logf("%d rows, %d causes: %d kinds, %d rows unknown", m.rows, m.causes, m.kinds, m.unknown)
		if m.kinds > most {
			t.Errorf("%d kinds of %d causes, want at most %d", m.kinds, m.causes, most)
		}
		if m.unknown*50 > m.rows {
			t.Errorf("%d of %d rows have class unknown, want at most 2 %%", m.unknown, m.rows)
		}
		for id, causes := range m.wrong {
			t.Errorf("wrong merge: %s holds %v", id, slices.Sorted(maps.Keys(causes)))
		}
		for _, text := range m.missing {
			t.Errorf("no cause known for %.200q", text)
		}
	}
	t.Run("fixture", func(t *testing.T) {
		t.Parallel()
		check(t, loadFixture(t))
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		rows := loadShared(t)
		if rows == nil {
			t.Skip("../shared/litellm/rows is not beside the repository") //nolint:forbidigo // the fixture beside it is always checked
		}
		check(t, rows)
	})
}

// TestGoldenKinds pins id, class, title and template of every kind in the fixture:
// a changed id of a known text is a new version of the rules.
func TestGoldenKinds(t *testing.T) {
	t.Parallel()
	if *update {
		if rows := loadShared(t); rows != nil {
			writeFixture(t, rows)
		}
	}
	got := renderKinds(loadFixture(t))
	if *update {
		if err := os.WriteFile(goldenKinds, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenKinds)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("kinds differ from %s (-want +got), see -update:\n%s", goldenKinds, diff)
	}
}

func renderKinds(rows []sample) string {
	type group struct {
		kind     Kind
		rows     int
		releases map[string]bool
	}
	groups := map[string]*group{}
	for _, s := range rows {
		k := Of(s.error())
		g := groups[k.ID]
		if g == nil {
			g = &group{kind: k, releases: map[string]bool{}}
			groups[k.ID] = g
		}
		g.rows += s.Rows
		g.releases[s.Release] = true
	}
	list := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.kind.Class, b.kind.Class), cmp.Compare(a.kind.Template, b.kind.Template), cmp.Compare(a.kind.ID, b.kind.ID))
	})
	var out strings.Builder
	for _, g := range list {
		fmt.Fprintf(&out, "%s  %-8s  %s\n    %s\n    %d rows of %s\n", g.kind.ID, g.kind.Class, g.kind.Title, g.kind.Template,
			g.rows, strings.Join(slices.Sorted(maps.Keys(g.releases)), ", "))
	}
	return out.String()
}

// writeFixture keeps one row for each release, cause, exception and kind.
func writeFixture(t *testing.T, rows []sample) {
	t.Helper()
	type key struct{ release, cause, class, provider, id string }
	kept := map[key]*sample{}
	var order []key
	for _, s := range rows {
		k := key{s.Release, s.Cause, s.Class, s.Provider, Of(s.error()).ID}
		if kept[k] == nil {
			kept[k] = &s
			order = append(order, k)
			continue
		}
		kept[k].Rows++
	}
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	lines := json.NewEncoder(z)
	lines.SetEscapeHTML(false)
	for _, k := range order {
		if err := lines.Encode(kept[k]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fixture, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOrder: ids are derived from the content alone.
func TestOrder(t *testing.T) {
	t.Parallel()
	rows := loadFixture(t)
	want := make(map[string]string, len(rows))
	for _, s := range rows {
		want[s.Message+s.Traceback+s.Class+s.Provider+s.Code] = Of(s.error()).ID
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, s := range rows {
		if got := Of(s.error()).ID; got != want[s.Message+s.Traceback+s.Class+s.Provider+s.Code] {
			t.Errorf("id of %.80q depends on order: %s", s.Message, got)
		}
	}
}

// TestOneMeaning: everything shown about a kind is a function of its id.
func TestOneMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]Kind{}
	for _, s := range loadFixture(t) {
		k := Of(s.error())
		if first, ok := seen[k.ID]; ok && (first.Class != k.Class || first.Title != k.Title || first.Check != k.Check || !strings.EqualFold(first.Template, k.Template)) {
			t.Errorf("%s has two meanings:\n%+v\n%+v", k.ID, first, k)
		}
		seen[k.ID] = k
	}
}
