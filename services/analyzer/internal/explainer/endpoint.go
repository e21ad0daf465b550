package explainer

import "time"

// endpoint remembers that the LLM as a whole is failing, so that one dead server
// doesn't spend the budget on every kind there is: after such a failure nobody is
// asked until the kind that met it is due again, and then one kind alone, until an
// answer comes.
type endpoint struct {
	why     string // "" = it answered last
	blocked time.Time
}

// failed takes note of a call that would have failed for any kind.
func (e *endpoint) failed(why string, until time.Time) {
	e.why = why
	if until.After(e.blocked) {
		e.blocked = until
	}
}

// answered takes note of an answer, useful or not.
func (e *endpoint) answered() { *e = endpoint{} }

// isBlocked tells whether nobody may be asked now.
func (e *endpoint) isBlocked(now time.Time) bool { return e.blocked.After(now) }

// calls is how many calls may run at once.
func (e *endpoint) calls() int {
	if e.why != "" {
		return 1
	}
	return maxCalls
}
