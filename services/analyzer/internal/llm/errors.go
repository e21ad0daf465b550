package llm

import (
	"errors"
	"time"
)

var (
	errTimeout  = errors.New("llm.timeout")
	errNoAnswer = errors.New("the answer was no JSON object with hypothesis and advice")
)

// CallError is a call that brought no usable answer.
type CallError struct {
	// Why is one line for people, in the words of the settings, without secrets.
	Why string
	// Outcome is its metric label: http_<status>, timeout, unreachable, nonsense.
	Outcome string
	// RetryAfter is how long the endpoint asked to be left alone, 0 if it didn't.
	RetryAfter time.Duration
	err        error
}

func (e *CallError) Error() string { return e.Why }

func (e *CallError) Unwrap() error { return e.err }
