package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLists(t *testing.T) {
	t.Parallel()
	const both = `["corp-[0-9a-f]{32}", "card (\\d{16})"]`
	for _, c := range []struct {
		name, yaml string
		env        []string
		want       []string
	}{
		{"none", "", nil, nil},
		{"null", "ingest: {redact_patterns: }", nil, nil},
		{"empty", "ingest: {redact_patterns: []}", nil, nil},
		{"list", "ingest: {redact_patterns: " + both + "}", nil, []string{"corp-[0-9a-f]{32}", `card (\d{16})`}},
		{"block", "ingest:\n  redact_patterns:\n  - 'a,b'\n  - \"\"\n  - 123\n", nil, []string{"a,b", "123"}},
		{"one", "ingest: {redact_patterns: 'a|b'}", nil, []string{"a|b"}},
		{"anchors", "llm: {model: &x abc}\ningest: {redact_patterns: [*x]}", nil, []string{"abc"}},
		{"variable over file", "ingest: {redact_patterns: [a]}", []string{"FAULTWIRE_INGEST_REDACT_PATTERNS=b{2,3}\r\n\n c \n"}, []string{"b{2,3}", " c "}},
	} {
		s, err := load(t, c.yaml, c.env...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, s.Ingest.RedactPatterns); diff != "" {
			t.Errorf("%s: (-want +got) %s", c.name, diff)
		}
	}
	s, err := load(t, "ingest: {redact_names: [x-corp-auth, Card PIN, pin]}")
	if err != nil || len(s.Ingest.RedactNames) != 3 {
		t.Errorf("names: %v, %v", s, err)
	}
}

func TestListFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		yaml string
		env  []string
		want string
	}{
		{"ingest:\n  redact_patterns: ['corp-(', 'x*', 'fine']", nil, `faultwire.yaml:2: ingest.redact_patterns: found "corp-(": not a regular expression: missing closing ); RE2 has no look-around and no back-references; ` +
			`found "x*": matches the empty text: use + for * and say what a secret begins with`},
		{"", []string{"FAULTWIRE_INGEST_REDACT_PATTERNS=(?=x)"}, `FAULTWIRE_INGEST_REDACT_PATTERNS: ingest.redact_patterns: found "(?=x)": not a regular expression: invalid or unsupported Perl syntax; RE2 has no look-around and no back-references`},
		{"ingest:\n  redact_patterns:\n  - a\n  - b: c\n", nil, "faultwire.yaml:4: ingest.redact_patterns: found a section as an item: wanted a text of one line, best in single quotes"},
		{"ingest:\n  redact_patterns: [\"a\\nb\"]", nil, "faultwire.yaml:2: ingest.redact_patterns: found a value as an item: wanted a text of one line, best in single quotes"},
		{"ingest: {redact_patterns: {a: b}}", nil, "faultwire.yaml:1: ingest.redact_patterns: found a section: wanted a list, or one item a line"},
		{"ingest: {redact_names: [x-corp-auth, id]}", nil, `faultwire.yaml:1: ingest.redact_names: found "id": wanted 3 to 63 of a-z, 0-9, _, - and ., such as x-corp-auth`},
	} {
		if s, err := load(t, c.yaml, c.env...); err == nil || err.Error() != c.want {
			t.Errorf("%s %s: %v\n got %v\nwant %s", c.yaml, c.env, s, err, c.want)
		}
	}
}
