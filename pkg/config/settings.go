package config

import "time"

// Settings is what a faultwire program is told. [Load] fills all of it.
type Settings struct {
	Postgres Postgres
	NATS     NATS
	Ingest   Ingest
	Analyzer Analyzer
	LLM      LLM
	Report   Report
	Replay   Replay
	Output   Output
	HTTP     HTTP
	Log      Log

	// Warnings are lines about what was understood but not used. They hold no
	// secret.
	Warnings []string
}

// Postgres is how LiteLLM's database is reached: by URL, by parts, or by a URL
// with some of its parts given apart (a password from a file); or through its
// container.
type Postgres struct {
	URL          URL    // postgres://user:password@host:5432/database, Prisma's parameters too
	Container    string // name or id in Docker; host and port are then as seen from inside it
	Host         string // name, address, or the folder of a Unix socket
	Port         int    // 0 = 5432
	User         string
	Password     Secret // empty = PGPASSWORD or ~/.pgpass, as psql does
	PasswordFile string // Load reads it into Password
	Database     string
	SSLMode      string // disable, allow, prefer, require, verify-ca or verify-full; empty = prefer, with SSLRootCert verify-full, into a container disable
	SSLRootCert  string // file with the certificates of those who sign the server's, or "system"
	SSLCert      string // file with our certificate, for a server that asks for one
	SSLKey       string // file with its key
	Schema       string // of LiteLLM's tables; not part of ConnString
}

// NATS is the server that carries everything between the services.
type NATS struct {
	URL         URL    // nats://host:4222, several with commas; empty = the embedded one of faultwire
	Credentials string // path of a .creds file; empty = none
	Replicas    int    // of each stream, 1 to 5
	StoreDir    string // folder of the embedded server, absolute
	MaxBytes    Bytes  // of the log; 0 = the program chooses
}

// Choices of ingest.mode.
const (
	ModeAuto   = "auto"   // stream where the database can and lets us, else poll
	ModeStream = "stream" // logical replication
	ModePoll   = "poll"   // a query every 10 s
)

// Ingest is how failures are read out of LiteLLM's table.
type Ingest struct {
	Mode string // [ModeAuto], [ModeStream] or [ModePoll]
	// History is how far back the first start reads, by startTime. 0 = not at all.
	History     time.Duration
	Publication string // name in Postgres
	Slot        string // name in Postgres
	Redact      bool   // secrets are removed before anything leaves ingest
	KeepPrompts bool   // messages, response and proxy_server_request are kept
	// CountRequests counts all requests of every minute by SQL, for failure rates and
	// coverage.
	CountRequests bool
	// IncludeRescued reads failures too that LiteLLM counts as successes: hidden by a
	// retry, a fallback, or a stream that broke off. The database then looks into the
	// metadata of every success, 30 µs for 12 KB.
	IncludeRescued bool
	// RedactPatterns are regular expressions of RE2 for further secrets, RedactNames
	// further names that secrets stand under, see package redact. nil = none.
	RedactPatterns []string
	RedactNames    []string
}

// Analyzer is how the log is cut.
type Analyzer struct {
	Window time.Duration // 1 s to 15 min in whole seconds, a divisor of 15 min
}

// LLM is who explains kinds of errors.
type LLM struct {
	Enabled      bool   // default: whether there is a URL
	URL          string // base of an OpenAI-compatible API, http://host:4000/v1
	APIKey       Secret
	APIKeyFile   string // Load reads it into APIKey
	Model        string
	Timeout      time.Duration // of one call; also how long a report waits for explanations
	CallsPerHour int           // 0 = none
	CallsPerDay  int           // 0 = none
}

// Report is which periods the live reports cover.
type Report struct {
	Every    time.Duration // a multiple of Analyzer.Window, at most 24 h
	Timezone string        // IANA name; never "Local"
}

// Location returns the zone of Timezone, UTC when it is empty or unknown ([Load]
// refuses an unknown one and fills an empty one).
func (r Report) Location() *time.Location {
	zone, err := time.LoadLocation(r.Timezone)
	if err != nil || r.Timezone == "Local" {
		return time.UTC
	}
	return zone
}

// Replay is what a replay selects unless its command says otherwise.
type Replay struct {
	Start      *time.Time // inclusive, in UTC as stored in "startTime"; nil = none
	End        *time.Time // inclusive; nil = none
	Days       int        // with neither: the last N × 24 h
	Model      string     // exact model or model group; empty = any
	Key        string     // exact key alias; empty = any
	Limit      int        // newest rows; 0 = all
	TimeFilter bool       // false: Start, End and Days are ignored
}

// Output is which files are written, and where.
type Output struct {
	Dir              string // absolute after Load
	SaveFullLogs     bool   // error_logs_full_*.json
	SaveAnalysisLogs bool   // error_logs_analysis_*.json
	SaveLLMResult    bool   // llm_analysis_*.txt
	MaxRows          int    // rows in full per error_logs_full file; 0 = all
}

// HTTP is where metrics and health are served.
type HTTP struct {
	Addr string // host:port; port 0 = a free one
}

// Log is what the program says of itself on stderr.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Default returns the defaults that depend on nothing. Load adds those that
// depend on the machine: nats.store_dir, report.timezone, and an absolute
// output.dir.
func Default() Settings {
	return Settings{
		Postgres: Postgres{Schema: "public"},
		NATS:     NATS{Replicas: 1},
		Ingest:   Ingest{Mode: ModeAuto, History: 7 * 24 * time.Hour, Publication: "faultwire", Slot: "faultwire", Redact: true, CountRequests: true},
		Analyzer: Analyzer{Window: 5 * time.Minute},
		LLM:      LLM{Timeout: 300 * time.Second, CallsPerHour: 20, CallsPerDay: 200},
		Report:   Report{Every: time.Hour},
		Replay:   Replay{Days: 1, Limit: 100, TimeFilter: true},
		Output:   Output{Dir: "./output", SaveFullLogs: true, SaveAnalysisLogs: true, SaveLLMResult: true, MaxRows: 10_000},
		HTTP:     HTTP{Addr: "127.0.0.1:9464"},
		Log:      Log{Level: "info", Format: "text"},
	}
}
