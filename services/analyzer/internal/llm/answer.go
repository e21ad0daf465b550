package llm

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPart caps hypothesis and advice, in bytes.
const maxPart = 1500

// Answer is what the LLM thinks. It is opinion, and hostile like all log text: an
// LLM repeats what it read.
type Answer struct {
	Hypothesis string `json:"hypothesis"`
	Advice     string `json:"advice"`
}

// parse finds the answer in what the model wrote: think-blocks, fences and chatter
// around the JSON object are common.
func parse(content string) (Answer, error) {
	if _, after, found := strings.Cut(content, "</think>"); found {
		content = after
	}
	for start := strings.IndexByte(content, '{'); start >= 0; {
		var a Answer
		if json.NewDecoder(strings.NewReader(content[start:])).Decode(&a) == nil {
			if a = (Answer{clean(a.Hypothesis), clean(a.Advice)}); a.Hypothesis != "" {
				return a, nil
			}
		}
		next := strings.IndexByte(content[start+1:], '{')
		if next < 0 {
			break
		}
		start += 1 + next
	}
	return Answer{}, errNoAnswer
}

// clean makes one line of printable text out of s and caps it.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxPart {
		return s
	}
	n := maxPart
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
