// Package doctor is the form in which a look at the surroundings says what it
// found: `faultwire check` puts together what each part looked at.
package doctor

import "fmt"

// State is how bad a finding is.
type State string

// States. A warning is something that works, but less well than it could; a
// failure is something that doesn't work.
const (
	OK      State = "ok"
	Warning State = "warning"
	Failed  State = "failed"
)

// Finding is one line: about what, how bad, a sentence, and what mends it.
type Finding struct {
	Name  string `json:"name"`  // one word: postgres, llm
	State State  `json:"state"` // ok, warning or failed
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // what to type or set; empty when all is well
}

// Fine says that something is as it should be.
func Fine(name, format string, args ...any) Finding {
	return Finding{Name: name, State: OK, Text: fmt.Sprintf(format, args...)}
}

// Warn says that something could be better, and how.
func Warn(name, fix, format string, args ...any) Finding {
	return Finding{Name: name, State: Warning, Text: fmt.Sprintf(format, args...), Fix: fix}
}

// Fail says that something doesn't work, and what mends it.
func Fail(name, fix, format string, args ...any) Finding {
	return Finding{Name: name, State: Failed, Text: fmt.Sprintf(format, args...), Fix: fix}
}

// Count returns how many of the findings have a state.
func Count(findings []Finding, state State) int {
	n := 0
	for i := range findings {
		if findings[i].State == state {
			n++
		}
	}
	return n
}
