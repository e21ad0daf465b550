package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxValue cuts names, in characters: hashes of keys are long.
const maxValue = 32

var errNoDocument = errors.New("no message of the user is a JSON document with a class and a number of failures")

// document is what the answer is made from: the part of the prompt's document that
// names class, count, model and the like.
type document struct {
	Class    string  `json:"class"`
	Title    string  `json:"title"`
	Failures int     `json:"failures"`
	Models   []value `json:"models"`
	Keys     []value `json:"keys"`
}

type value struct {
	Value    string `json:"value"`
	Failures int    `json:"failures"`
}

// answer writes the JSON object that the prompt asks for.
func answer(messages []message) (string, error) {
	d, err := find(messages)
	if err != nil {
		return "", err
	}
	hypothesis := fmt.Sprintf("Demo text, put together from the prompt by no language model: %s of class %s, %q, mostly on model %s, mostly from key %s.",
		failures(d.Failures), d.Class, d.Title, most(d.Models), most(d.Keys))
	advice := fmt.Sprintf("Set llm.url and llm.model to have failures of class %s on model %s explained by a model of yours.", d.Class, most(d.Models))
	text, err := json.Marshal(map[string]string{"hypothesis": hypothesis, "advice": advice})
	if err != nil {
		return "", fmt.Errorf("write the answer: %w", err)
	}
	return string(text), nil
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// find returns the document of the last message of the user that is one.
func find(messages []message) (document, error) {
	for _, m := range slices.Backward(messages) {
		if m.Role != "user" {
			continue
		}
		text := m.Content
		from, to := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
		if from < 0 || to < from {
			continue
		}
		var d document
		if json.Unmarshal([]byte(text[from:to+1]), &d) == nil && d.Class != "" && d.Failures > 0 {
			return d, nil
		}
	}
	return document{}, errNoDocument
}

// most is the value with most failures, which the document lists first.
func most(values []value) string {
	if len(values) == 0 || values[0].Value == "" {
		return "(none named)"
	}
	return fmt.Sprintf("%.*s (%d)", maxValue, values[0].Value, values[0].Failures)
}
