package redact

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{`corp-[0-9a-f]{32}`, `(?i)card (\d{16})`, `密钥\S+`, `a|b`, `^x`} {
		if re, err := Compile(pattern); err != nil || re == nil {
			t.Errorf("Compile(%q): %v", pattern, err)
		}
	}
	for pattern, want := range map[string]error{
		`corp-(`: ErrSyntax, `a{2000}`: ErrSyntax, `(?=x)`: ErrSyntax, `(a)\1`: ErrSyntax, "\xff": ErrSyntax,
		``: ErrEmptyMatch, `x*`: ErrEmptyMatch, `(corp-\w+)?`: ErrEmptyMatch, `\b`: ErrEmptyMatch, `$`: ErrEmptyMatch, `a|`: ErrEmptyMatch,
	} {
		if _, err := Compile(pattern); !errors.Is(err, want) {
			t.Errorf("Compile(%q): %v, want %v", pattern, err, want)
		}
	}
}

func patterns(t *testing.T, all ...string) *Redactor {
	t.Helper()
	var o Options
	for _, one := range all {
		re, err := Compile(one)
		if err != nil {
			t.Fatal(err)
		}
		o.Patterns = append(o.Patterns, re)
	}
	return New(o)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, in, want string
	}{
		{`corp-[0-9a-f]{8}`, "a corp-0123abcd, corp-0123abce b", "a [redacted:pattern], [redacted:pattern] b"},
		{`card (\d{4}) (\d{4})`, "card 1234 5678.", "card [redacted:pattern] [redacted:pattern]."},
		{`user=(\w+)|uid=(\w+)`, "uid=ab user=cd", "uid=[redacted:pattern] user=[redacted:pattern]"},
		// With what the built-in rules find.
		{`key sk-\w+ x`, "key sk-abcd1234 x sk-abcd1235", "[redacted:pattern] [redacted:key]"},
		{`1234 x`, "key sk-abcd1234 x", "key [redacted:key]"},
		// Markers are neither cut nor cut into.
		{`key`, "[redacted:key] key", "[redacted:key] [redacted:pattern]"},
		{`.+`, "[redacted:key]", "[redacted:key]"},
		{`.+`, "a [redacted:key] b\nc", "[redacted:pattern]\n[redacted:pattern]"},
		// What comes to light when something before it goes.
		{`\bx`, "xxx", "[redacted:pattern][redacted:pattern][redacted:pattern]"},
		{`\bx`, strings.Repeat("x", 50) + " y", "[redacted:pattern]"},
		{`^(a)`, "aab", "[redacted:pattern]ab"},
	} {
		r := patterns(t, c.pattern)
		if got := string(r.Text(nil, []byte(c.in))); got != c.want {
			t.Errorf("%s: Text(%q) = %q, want %q", c.pattern, c.in, got, c.want)
		}
		doc, want := `[`+quoteJSON(c.in)+`]`, `[`+quoteJSON(c.want)+`]`
		if got := string(r.JSON([]byte("x"), []byte(doc))); got != "x"+want {
			t.Errorf("%s: JSON(%s) = %s, want %s", c.pattern, doc, got, want)
		}
	}
}

// A pattern sees the text of a string, not its escapes.
func TestPatternsSeeText(t *testing.T) {
	t.Parallel()
	r := patterns(t, `pin "(\d+)"`, `é\d`)
	const in, want = `{"a":"pin \"12\" \u00e91 \u00e9"}`, `{"a":"pin \"[redacted:pattern]\" [redacted:pattern] \u00e9"}`
	if got := string(r.JSON(nil, []byte(in))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func BenchmarkPatterns(b *testing.B) {
	r := New(Options{Patterns: []*regexp.Regexp{regexp.MustCompile(`corp-[0-9a-f]{32}`)}})
	benchmarkRows(b, r, "1.80.10")
}
