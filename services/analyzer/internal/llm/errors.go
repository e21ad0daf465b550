package llm

import (
	"errors"
	"time"
)

var (
	// errTimeout is the cause of the end of a call's context after llm.timeout.
	errTimeout = errors.New("llm.timeout")
	// errNoAnswer: the model wrote something, but not what it was asked for.
	errNoAnswer = errors.New("the answer was no JSON object with hypothesis and advice")
	// errNoCompletion: the endpoint said 200, but not in the protocol.
	errNoCompletion = errors.New("the response was no chat completion: is this the base URL of an OpenAI-compatible API (most end in /v1)?")
)

// OutcomeNonsense is the outcome of a call that was answered, and uselessly.
const OutcomeNonsense = "nonsense"

// CallError is a call that brought no usable answer.
type CallError struct {
	// Why is one line for people, in the words of the settings, without secrets.
	Why string
	// Outcome is its metric label: http_<status>, timeout, unreachable, nonsense.
	Outcome string
	// RetryAfter is how long the endpoint asked to be left alone, 0 if it didn't, at
	// most a day.
	RetryAfter time.Duration
	// Endpoint says that it is not about this question: others would fail alike.
	Endpoint bool

	err error
}

func (e *CallError) Error() string { return e.Why }

func (e *CallError) Unwrap() error { return e.err }
