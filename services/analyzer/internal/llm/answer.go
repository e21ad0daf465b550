package llm

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPart caps hypothesis and advice, in bytes.
	maxPart = 1500
	// maxContent caps what is looked at of the model's text, in bytes: its end, the
	// thoughts come first.
	maxContent = 64 << 10
	// maxObjects caps how many braces are tried as the start of the answer, so that
	// a text of braces alone isn't read a thousand times over.
	maxObjects = 200
)

// Answer is what the LLM thinks. It is opinion, and hostile like all log text: an
// LLM repeats what it read.
type Answer struct {
	Hypothesis string
	Advice     string
}

// parse finds the answer in what the model wrote: think-blocks, fences and chatter
// around the JSON object are common. What a model thinks aloud may hold drafts, so
// what is behind the last end of a think-block comes first.
func parse(content string) (Answer, error) {
	content = content[max(0, len(content)-maxContent):]
	if i := strings.LastIndex(content, "</think>"); i >= 0 {
		if a, found := find(content[i:]); found {
			return a, nil
		}
	}
	if a, found := find(content); found {
		return a, nil
	}
	return Answer{}, errNoAnswer
}

// find returns the first JSON object that has a hypothesis.
func find(content string) (Answer, bool) {
	for range maxObjects {
		start := strings.IndexByte(content, '{')
		if start < 0 {
			break
		}
		content = content[start:]
		var object struct {
			Hypothesis words `json:"hypothesis"`
			Advice     words `json:"advice"`
		}
		if json.NewDecoder(strings.NewReader(content)).Decode(&object) == nil {
			a := Answer{Hypothesis: oneLine(string(object.Hypothesis), maxPart), Advice: oneLine(string(object.Advice), maxPart)}
			if a.Hypothesis != "" {
				return a, true
			}
		}
		content = content[1:]
	}
	return Answer{}, false
}

// words is a text, or a list of them: models like to give advice in points.
type words string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *words) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*w = words(strings.Join(list, " "))
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*w = words(text)
	return nil
}

// oneLine makes one line of printable text out of s, at most limit bytes long:
// control characters, and those that change the direction of what follows, are
// left out.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= limit {
		return s
	}
	const more = "…"
	n := limit - len(more)
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + more
}
