package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// FuzzText: any bytes in, twice is once, and nothing grows but by markers.
func FuzzText(f *testing.F) {
	for in := range cuts() {
		f.Add([]byte(in))
	}
	for _, in := range keeps() {
		f.Add([]byte(in))
	}
	r := New(Options{Names: []string{"pin"}})
	f.Fuzz(func(t *testing.T, in []byte) { checkText(t, r, in) })
}

// FuzzJSON: as FuzzText, and valid JSON stays valid and keeps its shape.
func FuzzJSON(f *testing.F) {
	for in := range cuts() {
		f.Add([]byte(`{"a":` + quoteJSON(in) + `}`))
		f.Add([]byte(in))
	}
	r := New(Options{Names: []string{"pin"}})
	f.Fuzz(func(t *testing.T, in []byte) { checkJSON(t, r, in) })
}

// FuzzPatterns: whatever the operator's pattern is, twice is once and JSON stays JSON.
func FuzzPatterns(f *testing.F) {
	for _, pattern := range []string{`x`, `\bx`, `.+`, `key`, `\[red`, `(a)|b(c)`, `a.*b`, `[^a]+$`, `(?i)token=(\S+)`, `e.`, `\]x?`, `(?s).{3}`, `\W`, `^.`} {
		for _, text := range []string{"xxxxxxxxxxxx", "a sk-abcd1234 b", "[redacted:key]", "token=a,b [redacted:token]x", "a\nb é"} {
			f.Add(pattern, text)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := Compile(pattern)
		if err != nil || len(pattern) > 60 || len(text) > 500 {
			return
		}
		r := New(Options{Patterns: []*regexp.Regexp{re}})
		checkText(t, r, []byte(text))
		checkJSON(t, r, []byte(text))
		checkJSON(t, r, []byte(`{`+quoteJSON(text)+`:[`+quoteJSON(text)+`]}`))
	})
}

// Texts made of the pieces that the rules are about reach more than bytes at random.
func TestProperties(t *testing.T) {
	t.Parallel()
	r, more := New(Options{}), New(Options{Names: []string{"pin"}, Patterns: []*regexp.Regexp{regexp.MustCompile(`\bA|key (\w)`), regexp.MustCompile(`u.`)}})
	piece := rapid.SampledFrom([]string{
		"sk-", "abcd1234", "efghijklmnop", "...", "****", "AIza", "AKIA", "IOSFODNN7EXAMPLE", "eyJ", ".", "hf_", "Bearer ", "basic ",
		"api_key", "password", "authorization", "token", "Received", "provided", "=", ":", ": ", "'", `"`, `\`, `\"`, `\u003d`, `\n`, " ", ",", "://", "u", "@", "/",
		"-----BEGIN PRIVATE KEY-----", "-----END ", "cookie: ", "?key=", "&sig=", "pwd=", ";", "b'", "('x-api-key', '", "')", "dapi", "ya29.", "LTAI", "signature=", "ALTAK-", "hooks.slack.com/",
		"[redacted:key]", ", expected to start with", "None", "<", ">", "é", "\n", "Aa1", hash64, "{", "}",
	})
	pieces := rapid.SliceOfN(piece, 0, 12)
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for _, p := range pieces.Draw(t, "text") {
			text = append(text, p...)
		}
		checkText(t, r, text)
		checkJSON(t, r, text)
		checkText(t, more, text)
		name := piece.Draw(t, "name")
		checkJSON(t, r, []byte(`{"x":[`+quoteJSON(string(text))+`],`+quoteJSON(name)+`:`+quoteJSON(string(text))+`}`))
		checkJSON(t, more, []byte(`{"x":[`+quoteJSON(string(text))+`],`+quoteJSON(name)+`:`+quoteJSON(string(text))+`}`))
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkText(t failer, r *Redactor, in []byte) {
	t.Helper()
	once := r.Text(nil, in)
	if twice := r.Text(nil, once); !bytes.Equal(once, twice) {
		t.Fatalf("%q\nonce  %q\ntwice %q", in, once, twice)
	}
	if s := r.String(string(in)); s != string(once) {
		t.Fatalf("%q\nbytes  %q\nstring %q", in, once, s)
	}
	checkMarkers(t, in, once)
}

func checkJSON(t failer, r *Redactor, in []byte) {
	t.Helper()
	once := r.JSON(nil, in)
	if twice := r.JSON(nil, once); !bytes.Equal(once, twice) {
		t.Fatalf("%q\nonce  %q\ntwice %q", in, once, twice)
	}
	checkMarkers(t, in, once)
	if json.Valid(in) && !json.Valid(once) {
		t.Fatalf("%q became %q, which is not JSON", in, once)
	}
	if json.Valid(in) {
		if before, after := shape(in), shape(once); before != after {
			t.Fatalf("%q has shape %s, %q has %s", in, before, once, after)
		}
	}
}

// shape is a document without the contents of its strings: how many names and values
// there are, and which.
func shape(doc []byte) string {
	var b strings.Builder
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err != nil {
			return b.String()
		}
		if _, ok := tok.(string); ok {
			tok = "s"
		}
		fmt.Fprint(&b, tok, " ")
	}
}

// checkMarkers checks that what is not between markers comes from in, in order.
func checkMarkers(t failer, in, out []byte) {
	t.Helper()
	grown := 0
	for _, k := range []kind{kindKey, kindPassword, kindToken, kindPattern} {
		m := []byte(k.marker())
		grown += (bytes.Count(out, m) - bytes.Count(in, m)) * len(m)
		out = bytes.ReplaceAll(out, m, []byte{0xFF})
	}
	if len(out) > len(in)+grown {
		t.Fatalf("%q grew to %q", in, out)
	}
	rest := in
	for part := range bytes.SplitSeq(out, []byte{0xFF}) {
		if len(part) == 0 || bytes.Contains(in, []byte{0xFF}) {
			continue
		}
		i := bytes.Index(rest, part)
		if i < 0 {
			t.Fatalf("%q: %q in the result is not from the text", in, part)
		}
		rest = rest[i+len(part):]
	}
}
