package event

import "time"

// Prompt is the version and the language of the prompt that explanations are asked
// with. It is part of the identity of an explanation: a new prompt asks for all
// kinds anew.
const Prompt = "p1-en"

// KindRequest asks for the explanation of one kind: all the explainer gets to see.
type KindRequest struct {
	V         int       `json:"v"`
	Kind      Kind      `json:"kind"`    // with up to 3 exemplars
	Batches   []Batch   `json:"batches"` // the 20 largest it hit, of the window that asked
	Prompt    string    `json:"prompt"`  // [Prompt] of who asked
	Asked     time.Time `json:"asked"`   // end of the window that asked
	WindowRun string    `json:"window_run"`
}

// Explanation is the LLM's hypothesis and advice for one kind. It is opinion: no
// number of it is used anywhere.
type Explanation struct {
	V            int       `json:"v"`
	Fingerprint  string    `json:"fingerprint"`
	Prompt       string    `json:"prompt"`
	Hypothesis   string    `json:"hypothesis"`
	Advice       string    `json:"advice"`
	Model        string    `json:"model"` // the model that answered
	At           time.Time `json:"at"`
	InputTokens  int       `json:"input_tokens"`
	OutputTokens int       `json:"output_tokens"`
}

// Pending says why a kind has no explanation (a value of the STATE bucket).
type Pending struct {
	V     int       `json:"v"`
	Why   string    `json:"why"`
	Tries int       `json:"tries"`
	Next  time.Time `json:"next"` // when it is asked again
	// Budget: no call is left in calls_per_hour or calls_per_day. Reports don't wait for it.
	Budget bool `json:"budget,omitempty"`
}
