package event

import "time"

// ReplayRequest asks for the replay of rows out of LiteLLM's table.
type ReplayRequest struct {
	V     int       `json:"v"`
	ID    string    `json:"id"`    // the run; a token
	Asked time.Time `json:"asked"` // the moment it was asked for: names the files
	Query Query     `json:"query"`
	NoLLM bool      `json:"no_llm,omitempty"` // the report doesn't wait for explanations and asks for none
}

// Query is what a replay selects. Times are naive UTC as stored in "startTime";
// filters combine with AND.
type Query struct {
	Start      *time.Time `json:"start_time"` // inclusive
	End        *time.Time `json:"end_time"`   // inclusive
	Days       int        `json:"days_back"`  // with neither Start nor End: the last N × 24 h before Asked
	Model      string     `json:"model"`      // matches model or model_group exactly; "" = any
	Key        string     `json:"key_name"`   // matches the key alias exactly; "" = any
	TimeFilter bool       `json:"use_time_filter"`
	Limit      int        `json:"limit"` // newest rows; 0 = all
	// ExplicitLimit lifts the caps of the files (output.max_rows).
	ExplicitLimit bool `json:"explicit_limit,omitempty"`
}

// ReplayEnd is the end marker of a replay: it closes its one window and period.
type ReplayEnd struct {
	V       int           `json:"v"`
	Request ReplayRequest `json:"request"`
	Start   time.Time     `json:"start"` // the range read; zero without a time filter
	End     time.Time     `json:"end"`
	Lo      uint64        `json:"lo"` // first and last sequence of its rows; Hi < Lo when none
	Hi      uint64        `json:"hi"`
	N       int           `json:"n"`
	Funnel  []FunnelStep  `json:"funnel"`
	// Rate is of all requests in the range that have the model and key asked for,
	// before any limit; nil when counting them took too long.
	Rate   *Rate  `json:"rate,omitempty"`
	Failed string `json:"failed,omitempty"` // why the rows could not be read
}

// FunnelStep says how many failures were left after one filter.
type FunnelStep struct {
	Filter string `json:"filter"` // "time", "model", "key", "limit"
	Value  string `json:"value"`  // the setting, as the user wrote it
	Left   int    `json:"left"`
	// Near are names like Value that failures left before this filter do have, the
	// likeliest first: set on the filter that left nothing.
	Near []Count `json:"near,omitempty"`
}

// Outcome says what became of a period: the last one of each run is kept in the
// STATE bucket.
type Outcome struct {
	V       int       `json:"v"`
	Run     string    `json:"run"`
	Report  string    `json:"report"` // id of the report: run, epoch and start
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Matched int       `json:"matched"` // failures that belong to it
	Kinds   int       `json:"kinds"`
	// Pending counts its kinds without an explanation.
	Pending int          `json:"pending"`
	Dir     string       `json:"dir,omitempty"`   // folder of the day, absolute
	Files   []string     `json:"files,omitempty"` // names in Dir; query_params is the last
	Funnel  []FunnelStep `json:"funnel,omitempty"`
	// Rate is of the requests that began in the period, of a replay as
	// [ReplayEnd.Rate]; nil when they were not counted.
	Rate   *Rate     `json:"rate,omitempty"`
	At     time.Time `json:"at"`
	Failed string    `json:"failed,omitempty"`
	Top    []Kind    `json:"top,omitempty"` // the largest kinds, without exemplars, at most 20
}
