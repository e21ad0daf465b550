package event

import (
	"encoding/json"
	"time"
)

// Failure is one failed request: a SpendLogs row, decoded, redacted, classified
// and fingerprinted by ingest. It is an entry of the log (stream FAILURES) or a
// row of a replay (stream REPLAYS).
type Failure struct {
	V         int       `json:"v"`         // [Version]
	ID        ID        `json:"id"`        // see [NewID]
	Source    string    `json:"source"`    // [SourceSpendLogs] or [SourceErrorLogs]
	Position  Position  `json:"position"`  // where in the WAL it was read; zero if by SQL
	Committed time.Time `json:"committed"` // the transaction's commit, the database's clock, UTC, µs
	Estimated bool      `json:"estimated,omitempty"`
	// History marks a row from before our first start, or one committed over
	// 24 h after it began: never in windows, alerts or live counters.
	History bool `json:"history,omitempty"`
	// Gap marks a row read later by SQL because we could not listen.
	Gap bool `json:"gap,omitempty"`
	// Rescued marks a request that LiteLLM counts as a success although a try of it
	// failed: a retry or a fallback answered, or the client left. The client saw no
	// failure. Only with ingest.include_rescued.
	Rescued bool `json:"rescued,omitempty"`

	Started time.Time `json:"started"` // startTime; up to LiteLLM 1.83 the *end* of the request
	Ended   time.Time `json:"ended"`   // endTime

	Model    string `json:"model"`    // model_group, else model, else "unknown"
	Key      string `json:"key"`      // key alias, else hash of api_key, else [Unauthenticated]
	Provider string `json:"provider"` // who was called; "unknown" when LiteLLM doesn't say
	Team     string `json:"team,omitempty"`
	// Attributed marks a key alias that was not in the row but resolved by ingest.
	Attributed bool `json:"attributed,omitempty"`

	Class       Class  `json:"class"`
	Fingerprint string `json:"fingerprint"` // id of its kind
	Template    string `json:"template"`    // masked text of its kind
	Title       string `json:"title"`       // short heading of its kind
	Check       string `json:"check"`       // what an operator should look at
	Text        string `json:"text"`        // the innermost message, unmasked, ≤ 2,000 bytes
	ErrorCode   string `json:"error_code,omitempty"`

	// Own marks a failed call of Faultwire itself, HealthCheck one of LiteLLM's
	// health checks: in files and counts, flagged; explainer and alerts skip them.
	Own         bool `json:"own,omitempty"`
	HealthCheck bool `json:"health_check,omitempty"`

	Log LogEntry `json:"log"`
	// Row is the whole row as row_to_json prints it, redacted: every column, in
	// column order, a cut value as a marker {"cut":"prompt","bytes":12873}.
	Row json.RawMessage `json:"row"`
}

// Unauthenticated is the key of a failure without alias and without api_key.
const Unauthenticated = "unauthenticated"

// Unknown is the model or provider of a failure that names none.
const Unknown = "unknown"

// LogEntry is an entry of error_logs_analysis_*.json: exactly these seven
// fields, as stored; what is missing is null, what is empty stays empty.
type LogEntry struct {
	RequestID    *string `json:"request_id"`
	Time         *string `json:"time"`          // startTime as row_to_json prints it
	Model        *string `json:"model"`         // the column
	KeyName      *string `json:"key_name"`      // metadata->>'user_api_key_alias'
	Status       *string `json:"status"`        // the column, else metadata.status
	ErrorType    *string `json:"error_type"`    // metadata.error_information.error_class
	ErrorMessage *string `json:"error_message"` // metadata.error_information.error_message
}

// Heartbeat is the log entry that says: nothing committed before Watermark is
// missing, save the gap named here.
type Heartbeat struct {
	V         int       `json:"v"`
	Watermark time.Time `json:"watermark"` // the database's clock − 1 s, UTC
	// Position holds the LSN it vouches for, [Position.Row] is 0; zero when the table
	// is polled.
	Position Position `json:"position"`
	// Source says through what it was read: table and publication as they were. When
	// these are others at the next start, rows may be missing.
	Source string `json:"source,omitempty"`
	// Gap names what is missing, until it is filled.
	Gap *Gap `json:"gap,omitempty"`
	// History: rows from before our first start are still being read.
	History bool `json:"history,omitempty"`
}

// Gap is rows missed while we could not listen or the log took no more.
type Gap struct {
	From time.Time `json:"from"` // rows committed before it are not missing; UTC
	Why  string    `json:"why"`  // for people
}

// Header holds what an entry of the log says in its message headers, so that a
// scan for positions and times needs no bodies.
type Header struct {
	Position Position
	Time     time.Time // Failure: commit; Heartbeat: watermark
	ID       ID        // zero for a heartbeat
	Live     bool      // a failure that counts in windows: no heartbeat, no history
	Gap      bool      // a heartbeat that names a gap
}
