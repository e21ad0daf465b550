package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/plain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   string
		most int
		want string
	}{
		"as it is":             {"Rate limit reached <model>", 80, "Rate limit reached <model>"},
		"lines become one":     {"  a\r\n\tb\u00a0\u3000c \n", 80, "a b c"},
		"escape sequences":     {"\x1b[31mred\x00\x7f", 80, `\x1b[31mred\x00\x7f`},
		"direction":            {"a\u202eb\u2066c", 80, `a\u202eb\u2066c`},
		"invisible":            {"a\u200bb\ufeffc\U000e0041", 80, `a\u200bb\ufeffc\U000e0041`},
		"separators":           {"a\u2028b\u0085c", 80, `a b c`},
		"invalid UTF-8":        {"a\xffb\xc3", 80, "a\ufffdb\ufffd"},
		"cut":                  {"abcdefgh", 5, "abcd…"},
		"exactly":              {"abcde", 5, "abcde"},
		"wide":                 {"批处理任务", 6, "批处…"},
		"cut at a blank":       {"ab cd", 4, "ab…"},
		"an escape is not cut": {"ab\x1bcd", 5, "ab…"},
		"empty":                {"", 5, ""},
	} {
		if got := plain.Line(test.in, test.most); got != test.want {
			t.Errorf("%s: Line(%q, %d) = %q, want %q", name, test.in, test.most, got, test.want)
		}
	}
	if got := plain.Line("a"+strings.Repeat("\u0301", 1<<20), 10); len(got) > 200 {
		t.Errorf("marks without end: %d bytes", len(got))
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"gpt-4o": "gpt-4o", "模型-客服": "模型-客服", "a\nb\x1b\u202ec": "abc", "a\xff": "a\ufffd", "": "unknown", "\n": "unknown",
		strings.Repeat("模", 100): strings.Repeat("模", 42),
	} {
		if got := plain.Label(in); got != want {
			t.Errorf("Label(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"one two three four":   {"one two", "three", "four"},
		"":                     nil,
		"一二三四五六":               {"一二三四", "五六"},
		"abcdefghijkl":         {"abcdefgh", "ijkl"},
		"ab cdefghijklmnop qr": {"ab cdefg", "hijklmno", "p qr"},
	} {
		if diff := cmp.Diff(want, plain.Wrap(in, 8, 0)); diff != "" {
			t.Errorf("Wrap(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestWrapBehindALabel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"one two": {"one", "two"}, "four five": {"", "four", "five"}, "abcdefghijkl": {"", "abcdefgh", "ijkl"}, "": nil,
	} {
		if diff := cmp.Diff(want, plain.Wrap(in, 8, 5)); diff != "" {
			t.Errorf("Wrap(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestPad(t *testing.T) {
	t.Parallel()
	if got := plain.Right("批", 4) + "|" + plain.Left("a", 3) + "|" + plain.Left("long", 2); got != "批  |  a|long" {
		t.Errorf("padded: %q", got)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("gpt\x1b[2J-4o\u202e模型\xff", 10)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 1 + most&0xff
		line := plain.Line(s, most)
		if plain.Width(line) > most || !utf8.ValidString(line) {
			t.Errorf("Line(%q, %d) = %q: %d columns", s, most, line, plain.Width(line))
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("Line(%q, %d) holds %U", s, most, r)
			}
		}
		label := plain.Label(s)
		if label == "" || len(label) > 128 || !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
			t.Errorf("Label(%q) = %q", s, label)
		}
		for _, part := range plain.Wrap(line, max(2, most/3), most%2) {
			if plain.Width(part) > max(2, most/3) {
				t.Errorf("Wrap(%q): %q has %d columns", line, part, plain.Width(part))
			}
		}
	})
}
