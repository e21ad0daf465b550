package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// Every cut of a text is a part of it, without half a character or escape.
func TestPart(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"plain words", "模型-客服 😀", "a\n\"b\"\\ \\\\n", strings.Repeat("\\", 9), strings.Repeat("\x01", 9), strings.Repeat("line\n", 9) + "the end of it all",
	} {
		for _, escape := range []bool{false, true} {
			value, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			if escape {
				value = []byte(strings.ReplaceAll(string(value), "😀", `\ud83d\ude00`))
			}
			for n := 1; n < len(value)+2; n++ {
				beginning, ok := Beginning(value, n)
				if !ok || !strings.HasPrefix(text, strings.TrimSuffix(beginning, "\uFFFD")) || n > len(value) && beginning != text {
					t.Errorf("Beginning(%s, %d) = %q", value, n, beginning)
				}
				if strings.Contains(beginning, "\uFFFD") && !escape {
					t.Errorf("Beginning(%s, %d) = %q ends in half a character", value, n, beginning)
				}
				if ending, ok := Ending(value, n); !ok || !strings.HasSuffix(text, ending) || n > len(value) && ending != text {
					t.Errorf("Ending(%s, %d) = %q", value, n, ending)
				}
			}
		}
	}
	if got, _ := Ending([]byte(`"`+strings.Repeat("x", 100)+`\n the end"`), 40); !strings.HasSuffix(got, "x\n the end") {
		t.Errorf("Ending = %q", got)
	}
	for _, value := range []string{`{"a": "模型模型"}`, `123456789`} {
		for n := 1; n < len(value); n++ {
			beginning, _ := Beginning([]byte(value), n)
			ending, _ := Ending([]byte(value), n)
			if !strings.HasPrefix(value, beginning) || !strings.HasSuffix(value, ending) || len(beginning) < n-2 || len(ending) < n-2 {
				t.Errorf("of %s: %q, %q", value, beginning, ending)
			}
		}
	}
}

// FuzzPart: of any bytes comes valid text, and no panic.
func FuzzPart(f *testing.F) {
	f.Add([]byte(`"\ud83d\ude00 x"`), 5)
	f.Add([]byte("\"\xff\xff\\"), 2)
	f.Add([]byte(`{"a": 1}`), 3)
	f.Fuzz(func(t *testing.T, value []byte, n int) {
		if n < 1 {
			return
		}
		for _, part := range []func([]byte, int) (string, bool){Beginning, Ending} {
			if text, ok := part(value, n); !utf8.ValidString(text) && len(value) > n || len(text) > 0 && !ok {
				t.Fatalf("of %q, %d: %q, %t", value, n, text, ok)
			}
		}
	})
}
