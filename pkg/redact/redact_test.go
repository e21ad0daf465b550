package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	for in, want := range cuts() {
		if got := string(r.Text(nil, []byte(in))); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
		if again := string(r.Text(nil, []byte(want))); again != want {
			t.Errorf("not idempotent: %q became %q", want, again)
		}
	}
	for _, in := range keeps() {
		if got := string(r.Text(nil, []byte(in))); got != in {
			t.Errorf("Text(%q) = %q, want it unchanged", in, got)
		}
	}
}

// A string of JSON is treated as the text it stands for, however it is escaped.
func TestJSONStringsAsText(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	for in := range cuts() {
		want := string(r.Text(nil, []byte(in)))
		for name, doc := range map[string]string{
			"value": quoteJSON(in), "name": "{" + quoteJSON(in) + ":1}", "nested": `{"a":[0,{"b":` + quoteJSON(in) + "}]}",
			"escaped": escapeAll(in),
		} {
			out := r.JSON(nil, []byte(doc))
			if !json.Valid(out) {
				t.Errorf("%s: %q became %q, which is not JSON", name, doc, out)
			}
			if got := onlyString(t, out); got != want {
				t.Errorf("%s: JSON(%s)\n got %q\nwant %q", name, doc, got, want)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := New(Options{Names: []string{"pin"}})
	for in, want := range map[string]string{
		`{"secret_fields": {"raw_headers": {"host": "h", "authorization": "Bearer sk-f85df9789131e72ebf8ac7", "x": 1}}}`: `{"secret_fields": {"raw_headers": {"host": "h", "authorization": "[redacted:key]", "x": 1}}}`,
		`{"api_key":"Bearer-8697e1505328b092e062b087","spend":0}`:                                                        `{"api_key":"[redacted:key]","spend":0}`,
		`{"api_key":"` + hash64 + `","user_api_key": "litellm_proxy_master_key"}`:                                        `{"api_key":"` + hash64 + `","user_api_key": "litellm_proxy_master_key"}`,
		`{"x-api-key" : "a\"b","card-PIN":"1"}`:                                                                          `{"x-api-key" : "[redacted:key]","card-PIN":"[redacted:key]"}`,
		`{"password":1,"a":"b"}`:                                                                                         `{"password":1,"a":"b"}`,
		`{"password":["a"],"b":"c"}`:                                                                                     `{"password":["[redacted:password]"],"b":"c"}`,
		`{"X-Api-Key" : [ "a", "b" ],"b":["c"],"c":"d"}`:                                                                 `{"X-Api-Key" : [ "[redacted:key]", "[redacted:key]" ],"b":["c"],"c":"d"}`,
		`{"token":"Hello","prompt_tokens":5}`:                                                                            `{"token":"Hello","prompt_tokens":5}`,
		`{"token":"0123456789abcdefghij"}`:                                                                               `{"token":"[redacted:token]"}`,
		`{"set-cookie": "a=b; c=d"}`:                                                                                     `{"set-cookie": "[redacted:token]"}`,
		`{"cache_key":"Cache OFF","key_name":"sk-...8ac7","api_key":"","apiKey":null}`:                                   `{"cache_key":"Cache OFF","key_name":"sk-...8ac7","api_key":"","apiKey":null}`,
		`{"t":"\u00e9\ud83d\ude00\/ sk-abcd1234 \u00e9\n"}`:                                                              `{"t":"\u00e9\ud83d\ude00\/ [redacted:key] \u00e9\n"}`,
		`{"sk-abcd1234":{"sk-abcd1235":2}}`:                                                                              `{"[redacted:key]":{"[redacted:key]":2}}`,
		`"unclosed sk-abcd1234`:                                                                                          `"unclosed [redacted:key]`,
		`{"a":"x\`:                                                                                                       `{"a":"x\`,
		``:                                                                                                               ``,
		`12`:                                                                                                             `12`,
	} {
		if got := string(r.JSON(nil, []byte(in))); got != want {
			t.Errorf("JSON(%s)\n got %s\nwant %s", in, got, want)
		}
	}
}

// Appending must not disturb what is in dst, nor touch src.
func TestAppends(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	src := []byte(`{"a":"sk-abcd1234"}`)
	keep := bytes.Clone(src)
	got := r.JSON([]byte("head "), src)
	if diff := cmp.Diff(`head {"a":"[redacted:key]"}`, string(got)); diff != "" {
		t.Error(diff)
	}
	if got := r.Text([]byte("head "), []byte("sk-abcd1234")); string(got) != "head [redacted:key]" {
		t.Errorf("got %q", got)
	}
	if !bytes.Equal(src, keep) {
		t.Errorf("src became %q", src)
	}
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escapeAll writes every character of a string of ASCII as an escape.
func escapeAll(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		b.WriteString(`\u00`)
		b.WriteByte("0123456789abcdef"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	b.WriteByte('"')
	return b.String()
}

// onlyString returns the longest string in a document.
func onlyString(t *testing.T, doc []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	longest := ""
	for {
		tok, err := dec.Token()
		if err != nil {
			return longest
		}
		if s, ok := tok.(string); ok && len(s) > len(longest) {
			longest = s
		}
	}
}
