package event

import "time"

// MaxTrafficModels is the most models of one [Traffic]; the others are summed up.
const MaxTrafficModels = 200

// Traffic is the requests that began in one minute (startTime), by model, as
// counted in LiteLLM's table. A minute is counted several times, for LiteLLM writes
// rows late: its last entry holds, and says of no model less than the one before, so
// that rows which retention deletes meanwhile stay counted.
type Traffic struct {
	V       int       `json:"v"`
	Minute  time.Time `json:"minute"`  // its start, UTC
	Counted time.Time `json:"counted"` // when it was counted last, the database's clock
	// Models are the largest first counted, at most [MaxTrafficModels].
	Models []ModelRate `json:"models"`
	Other  Rate        `json:"other,omitzero"` // all other models together
}

// Rate is how many requests there were, and how many of them failed.
type Rate struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// ModelRate is the rate of the model that clients call, as in [Failure.Model].
type ModelRate struct {
	Model string `json:"model"`
	Rate
}

// Total sums up all models.
func (t *Traffic) Total() Rate {
	total := t.Other
	for _, m := range t.Models {
		total = total.Plus(m.Rate)
	}
	return total
}

// Plus adds two rates up.
func (r Rate) Plus(other Rate) Rate {
	return Rate{Requests: r.Requests + other.Requests, Failed: r.Failed + other.Failed}
}

// AtLeast is the larger of each number.
func (r Rate) AtLeast(least Rate) Rate {
	return Rate{Requests: max(r.Requests, least.Requests), Failed: max(r.Failed, least.Failed)}
}
