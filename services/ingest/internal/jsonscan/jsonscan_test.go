package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		doc  string
		want [][2]string
		err  error
	}{
		{`{}`, nil, nil},
		{` { } `, nil, nil},
		{`{"status": "failure", "a": null}`, [][2]string{{"status", `"failure"`}, {"a", "null"}}, nil},
		{"{\"a\" :\t{\"b\": [1, \"}\\\"]\"]} ,\n\"c\":-1e400}", [][2]string{{"a", `{"b": [1, "}\"]"]}`}, {"c", "-1e400"}}, nil},
		{`{"s\u0074atus":"\u00e9\\"}`, [][2]string{{"status", `"\u00e9\\"`}}, nil},
		{`{"a":1,"a":2}`, [][2]string{{"a", "1"}, {"a", "2"}}, nil},
		{``, nil, ErrNotObject},
		{`"{\"a\":1}"`, nil, ErrNotObject},
		{`[{"a":1}]`, nil, ErrNotObject},
		{`null`, nil, ErrNotObject},
		{`{"a":1`, [][2]string{{"a", "1"}}, ErrSyntax},
		{`{"a":1,`, [][2]string{{"a", "1"}}, ErrSyntax},
		{`{"a":"x`, nil, ErrSyntax},
		{`{"a":"x\`, nil, ErrSyntax},
		{`{"a":[1`, nil, ErrSyntax},
		{`{"a":["`, nil, ErrSyntax},
		{`{"a"}`, nil, ErrSyntax},
		{`{"a":}`, nil, ErrSyntax},
		{`{a:1}`, nil, ErrSyntax},
		{`{`, nil, ErrSyntax},
	} {
		var got [][2]string
		var err error
		for m, fault := range Members([]byte(c.doc)) {
			if fault != nil {
				err = fault
				break
			}
			got = append(got, [2]string{string(m.Name), string(m.Value)})
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v\n%s", c.doc, err, c.err, diff)
		}
	}
}

func TestMembersStops(t *testing.T) {
	t.Parallel()
	for m, err := range Members([]byte(`{"a":1,"b":2}`)) {
		if err != nil || string(m.Name) != "a" {
			t.Fatalf("got %s, %v behind the break", m.Name, err)
		}
		break
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"a\n\"b\" \u00e9\ud83d\ude00"`: "a\n\"b\" é😀", `""`: "", `12.50`: "12.50", `true`: "true",
		`{"a": 1}`: `{"a": 1}`, "\"a\xffb\"": "a\uFFFDb", "\"\\n\xff\"": "\n\uFFFD", `"\ud800"`: "\uFFFD", `"\x"`: `\x`, `"`: "",
		`"\b\f\r\t\/\\\u0041"`: "\b\f\r\t/\\A", `"\ud83dA"`: "\uFFFDA", `"\ud83d\u0041"`: "\uFFFDA", `"\u00g0"`: `\u00g0`, `"\u12"`: `\u12`, `"a\"`: `a\`,
	} {
		if got, ok := Text([]byte(value)); got != want || !ok {
			t.Errorf("Text(%s) = %q, %t, want %q", value, got, ok, want)
		}
	}
	for _, value := range []string{"null", ""} {
		if got, ok := Text([]byte(value)); ok {
			t.Errorf("Text(%q) = %q, want nothing", value, got)
		}
	}
}

// FuzzMembers compares with encoding/json on valid objects; others must not panic.
func FuzzMembers(f *testing.F) {
	for _, doc := range []string{
		`{"status": "failure", "a": null}`, `{"a" : {"b":[1,"}\"]"]} , "c":-1e4}`, `{"s\u0074":"\u00e9\\"}`, `{"a":1,"a":2}`, `{"a":"x\`, `[]`, "{\"\xff\":\"\xff\"}", `{"a":{"b":`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		keep := bytes.Clone(doc)
		names, values, err := scan(doc)
		if !bytes.Equal(doc, keep) {
			t.Fatal("the document was changed")
		}
		if !json.Valid(doc) {
			return
		}
		wantNames, wantValues, object := decode(t, doc)
		if !object {
			if !errors.Is(err, ErrNotObject) {
				t.Fatalf("%q: error %v, want ErrNotObject", doc, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if diff := cmp.Diff(wantNames, names); diff != "" {
			t.Fatalf("%q: %s", doc, diff)
		}
		if diff := cmp.Diff(wantValues, values); diff != "" {
			t.Fatalf("%q: %s", doc, diff)
		}
		for _, value := range values {
			var s string
			if json.Unmarshal([]byte(value), &s) != nil || value == "null" {
				continue
			}
			if got, _ := Text([]byte(value)); squeeze(got) != squeeze(s) {
				t.Fatalf("Text(%q) = %q, want %q", value, got, s)
			}
		}
	})
}

// squeeze makes one of several replacement characters in a row.
func squeeze(s string) string {
	for strings.Contains(s, "\uFFFD\uFFFD") {
		s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
	}
	return s
}

func scan(doc []byte) (names, values []string, err error) {
	for m, fault := range Members(doc) {
		if fault != nil {
			return names, values, fault
		}
		names = append(names, squeeze(string(bytes.ToValidUTF8(m.Name, []byte("\uFFFD")))))
		values = append(values, string(m.Value))
		if !bytes.HasPrefix(doc[m.At:], m.Value) {
			return nil, nil, fmt.Errorf("%s is not at %d", m.Value, m.At)
		}
	}
	return names, values, nil
}

func decode(t *testing.T, doc []byte) (names, values []string, object bool) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	tok, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	if tok != json.Delim('{') {
		return nil, nil, false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
		names = append(names, squeeze(name.(string)))
		values = append(values, string(value))
	}
	return names, values, true
}
