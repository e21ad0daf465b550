package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// In the real rows of four releases (with ../shared 875 failures) everything that
// looks like a clear key goes, and nothing else.
func TestRealRows(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	clearKey := regexp.MustCompile(`\b(sk-[0-9A-Za-z-]{16,}|Bearer-[0-9a-f]{24})`)
	secret := func(s []byte) []byte {
		if !bytes.Contains(s, []byte("sk-")) && !bytes.Contains(s, []byte("Bearer-")) {
			return nil
		}
		return clearKey.Find(s)
	}
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			cut := 0
			for _, row := range testkit.Rows(t, version) {
				out := r.JSON(nil, row.JSON)
				if bytes.Equal(out, row.JSON) {
					if s := secret(out); s != nil {
						t.Errorf("row %s still holds %s", row.RequestID, s)
					}
					continue
				}
				if !json.Valid(out) {
					t.Fatalf("row %s is no JSON any more: %s", row.RequestID, out)
				}
				if again := r.JSON(nil, out); !bytes.Equal(again, out) {
					t.Fatalf("row %s changes when redacted twice", row.RequestID)
				}
				if row.Failed() {
					checkNames(t, row.RequestID, row.JSON, out)
				}
				before, after := stringsOf(t, row.JSON), stringsOf(t, out)
				if len(before) != len(after) {
					t.Fatalf("row %s had %d strings, has %d", row.RequestID, len(before), len(after))
				}
				for i, s := range before {
					clear := secret([]byte(s)) != nil
					if clear {
						cut++
					}
					if changed := s != after[i]; changed != clear {
						t.Errorf("row %s: holds a secret: %t, changed: %t\n%s\n%s", row.RequestID, clear, changed, s, after[i])
					}
					if secret([]byte(after[i])) != nil {
						t.Errorf("row %s still holds a secret: %s", row.RequestID, after[i])
					}
				}
			}
			if cut == 0 && version != "1.106.0" { // which masks and hashes by itself
				t.Error("no secret in any row: this test shows nothing")
			}
		})
	}
}

// checkNames checks that of a failure nothing that people look for was touched: the
// columns are as they were, but for a malformed key and what holds the request.
func checkNames(t *testing.T, id string, row, out []byte) {
	t.Helper()
	same := func(where string, old, now map[string]json.RawMessage, but ...string) {
		t.Helper()
		if len(old) != len(now) {
			t.Fatalf("row %s: %s had %d members, has %d", id, where, len(old), len(now))
		}
		for name, value := range old {
			if !bytes.Equal(value, now[name]) && !slices.Contains(but, name) {
				t.Errorf("row %s: %s.%s was %s, is %s", id, where, name, value, now[name])
			}
		}
	}
	isSecret := func(key json.RawMessage) bool { return !isHarmless(bytes.Trim(key, `"`)) }
	old, now := columns(t, row), columns(t, out)
	may := []string{"metadata", "messages", "response", "proxy_server_request"}
	if isSecret(old["api_key"]) {
		may = append(may, "api_key")
		if string(now["api_key"]) != `"[redacted:key]"` {
			t.Errorf("row %s: the malformed key %s became %s", id, old["api_key"], now["api_key"])
		}
	}
	same("row", old, now, may...)
	old, now = columns(t, old["metadata"]), columns(t, now["metadata"])
	may = []string{"error_information", "proxy_server_request"}
	if isSecret(old["user_api_key"]) {
		may = append(may, "user_api_key")
	}
	same("metadata", old, now, may...)
	same("error_information", columns(t, old["error_information"]), columns(t, now["error_information"]), "error_message", "traceback")
}

// columns are the members of an object; nothing of what is none.
func columns(t *testing.T, doc []byte) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	if len(doc) > 0 && doc[0] == '{' {
		if err := json.Unmarshal(doc, &all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// stringsOf returns all strings of a document, names included, in order.
func stringsOf(t *testing.T, doc []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var all []string
	for {
		tok, err := dec.Token()
		if err != nil {
			return all
		}
		if s, ok := tok.(string); ok {
			all = append(all, s)
		}
	}
}

// Hostile texts must not take long: the work per byte is bounded.
func BenchmarkHostile(b *testing.B) {
	r := New(Options{})
	for _, piece := range []string{
		"eyJ-", "sk-", "password=", "password='", `password=\"`, "://", "://a:", "bearer ", "AIza ", `\`, `"`, "api_key: ", "received=", "[redacted:", "hf_", "authorization: a ",
	} {
		text := bytes.Repeat([]byte(piece), (1<<20)/len(piece))
		b.Run(fmt.Sprintf("%q", piece), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var dst []byte
			for b.Loop() {
				dst = r.Text(dst[:0], text)
				dst = r.JSON(dst, text)
			}
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	for _, version := range testkit.Versions() {
		b.Run(version, func(b *testing.B) { benchmarkRows(b, New(Options{}), version) })
	}
}

func benchmarkRows(b *testing.B, r *Redactor, version string) {
	b.Helper()
	var rows [][]byte
	size := 0
	for _, row := range testkit.Rows(b, version) {
		rows = append(rows, row.JSON)
		size += len(row.JSON)
	}
	b.SetBytes(int64(size / len(rows)))
	b.ReportAllocs()
	b.ResetTimer()
	dst := slices.Grow([]byte(nil), 1<<20)
	for i := 0; b.Loop(); i++ {
		dst = r.JSON(dst[:0], rows[i%len(rows)])
	}
}
