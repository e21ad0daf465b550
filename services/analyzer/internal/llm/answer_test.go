package llm_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const plain = `{"hypothesis": "The key is wrong.", "advice": "Set it."}`
	want := llm.Answer{Hypothesis: "The key is wrong.", Advice: "Set it."}
	for name, test := range map[string]struct {
		content string
		want    llm.Answer
	}{
		"the object alone":           {plain, want},
		"a code fence":               {"```json\n" + plain + "\n```", want},
		"text around it":             {"Sure! Here you are: " + plain + " Hope it helps {really}.", want},
		"a think-block":              {"<think>Maybe {\"hypothesis\": \"a draft\"}?</think>\n" + plain, want},
		"a think-block without head": {"Maybe {\"hypothesis\": \"a draft\"}?\n</think>\n\n" + plain, want},
		"the mark inside the answer": {
			`{"hypothesis": "The text ends in </think> by itself.", "advice": "Set it."}`,
			llm.Answer{Hypothesis: "The text ends in </think> by itself.", Advice: "Set it."},
		},
		"braces before it":      {"The template {model} in {{org}} says: " + plain, want},
		"advice in points":      {`{"hypothesis": "H.", "advice": ["Look.", "Change."]}`, llm.Answer{Hypothesis: "H.", Advice: "Look. Change."}},
		"no advice":             {`{"hypothesis": "H."}`, llm.Answer{Hypothesis: "H."}},
		"more fields":           {`{"confidence": 0.3, "hypothesis": "H.", "advice": "A."}`, llm.Answer{Hypothesis: "H.", Advice: "A."}},
		"nested":                {`{"answer": {"hypothesis": "H.", "advice": "A."}}`, llm.Answer{Hypothesis: "H.", Advice: "A."}},
		"control characters go": {`{"hypothesis": "a\u001b[31mb\u0000\nc\u202ed\u200b", "advice": "\t x \r\n"}`, llm.Answer{Hypothesis: "a[31mb cd", Advice: "x"}},
		"Chinese stays":         {`{"hypothesis": "供应商限流。", "advice": "检查 rpm。"}`, llm.Answer{Hypothesis: "供应商限流。", Advice: "检查 rpm。"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := llm.Parse(test.content)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
	for name, content := range map[string]string{
		"nothing": "", "words": "I can't say.", "an empty hypothesis": `{"hypothesis": " \n", "advice": "A."}`, "other fields": `{"cause": "x"}`,
		"a list": `["hypothesis"]`, "a number": `{"hypothesis": 7}`, "cut off": `{"hypothesis": "The provider`,
	} {
		t.Run("nonsense: "+name, func(t *testing.T) {
			t.Parallel()
			if got, err := llm.Parse(content); err == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnswerIsCapped(t *testing.T) {
	t.Parallel()
	got, err := llm.Parse(`{"hypothesis": "` + strings.Repeat("模", 2000) + `", "advice": "` + strings.Repeat("a", 1500) + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Hypothesis) > 1500 || !utf8.ValidString(got.Hypothesis) || !strings.HasSuffix(got.Hypothesis, "模…") {
		t.Errorf("hypothesis has %d bytes: …%q", len(got.Hypothesis), got.Hypothesis[len(got.Hypothesis)-12:])
	}
	if len(got.Advice) != 1500 {
		t.Errorf("advice has %d bytes", len(got.Advice))
	}
}

// A text made to be read again and again must not take long. The bound is generous:
// a quadratic reading of a megabyte takes minutes.
func TestParseIsNotQuadratic(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{"braces": "{", "objects": `{"a":`, "quotes": `{"`, "ends": "</think>{"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			if _, err := llm.Parse(strings.Repeat(unit, 1<<20/len(unit))); err == nil {
				t.Error("no error")
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{", `{"hypothesis":"h","advice":"a"}`, "<think>{</think>```json\n{\"hypothesis\":\"\\u202e\"}```", `{"hypothesis":["a",1]}`, "\xff{\"hypothesis\":\"\xfe\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		answer, err := llm.Parse(content)
		if (err == nil) != (answer.Hypothesis != "") {
			t.Fatalf("%+v with error %v", answer, err)
		}
		for _, part := range []string{answer.Hypothesis, answer.Advice} {
			if len(part) > 1500 || !utf8.ValidString(part) {
				t.Errorf("%d bytes: %q", len(part), part)
			}
			for _, r := range part {
				if !unicode.IsPrint(r) {
					t.Errorf("%q holds %U", part, r)
				}
			}
		}
	})
}
