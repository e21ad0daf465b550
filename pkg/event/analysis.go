package event

import "time"

// Analysis is the exact statistics of one closed window, made by code alone. A
// stored one is at most 512 KB: at most 200 batches and 200 kinds, the rest
// summed up in one "other" each.
type Analysis struct {
	V      int    `json:"v"`
	Window Window `json:"window"`
	// Failed says why there are no numbers; the window's report is still complete.
	Failed string `json:"failed,omitempty"`
	// Scanned is the number of live failures found in Lo..Hi; fewer than
	// Window.N means entries were discarded or purged before the scan.
	Scanned      int     `json:"scanned"`
	Batches      []Batch `json:"batches"`
	OtherBatches *Other  `json:"other_batches,omitempty"`
	Kinds        []Kind  `json:"kinds"`
	OtherKinds   *Other  `json:"other_kinds,omitempty"`
	Own          int     `json:"own,omitempty"`           // of Scanned: our own calls
	HealthChecks int     `json:"health_checks,omitempty"` // of Scanned: LiteLLM's health checks
}

// Batch is the failures of one window × model × key.
type Batch struct {
	Window   time.Time `json:"window"` // the window's start
	Model    string    `json:"model"`
	Key      string    `json:"key"`
	Failures int       `json:"failures"`
	First    time.Time `json:"first"` // commit times
	Last     time.Time `json:"last"`
	// Kinds counts the failures by fingerprint, largest first, at most 10; the
	// number of all kinds is KindCount.
	Kinds     []Count `json:"kinds"`
	KindCount int     `json:"kind_count"`
}

// Kind is all failures that share a fingerprint, within a window or a report.
type Kind struct {
	Fingerprint string    `json:"fingerprint"`
	Class       Class     `json:"class"`
	Title       string    `json:"title"`
	Check       string    `json:"check"`
	Template    string    `json:"template"`
	Failures    int       `json:"failures"`
	First       time.Time `json:"first"` // commit times
	Last        time.Time `json:"last"`
	// Counts by value, largest first, then by name; at most 20 each, the number
	// of all values beside it.
	Models        []Count `json:"models"`
	ModelCount    int     `json:"model_count"`
	Keys          []Count `json:"keys"`
	KeyCount      int     `json:"key_count"`
	Providers     []Count `json:"providers"`
	ProviderCount int     `json:"provider_count"`
	Codes         []Count `json:"codes"`
	CodeCount     int     `json:"code_count"`
	// Exemplars are up to 3 texts, in log order, each different.
	Exemplars []string `json:"exemplars"`
}

// Count is how many failures share a value.
type Count struct {
	Value    string `json:"value"`
	Failures int    `json:"failures"`
}

// Other sums up what is past a cap.
type Other struct {
	Entries  int `json:"entries"`
	Failures int `json:"failures"`
}
