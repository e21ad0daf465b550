package config

import (
	"strings"
	"time"
)

// Setting documents one setting.
type Setting struct {
	Path    string // section.key
	Type    string // text, secret, URL, path, true/false, number, size, duration, time, list or a choice
	Default string // as one would write it; empty = none
	Env     string // its environment variable
	Help    string
}

// Describe documents every setting, in the order of the sections.
func Describe() []Setting {
	defaults := Default()
	var all []Setting
	for _, f := range fields() {
		def := f.byDefault
		if def == "" {
			def = render(f.at(&defaults))
		}
		all = append(all, Setting{Path: f.path, Type: f.typeName(), Default: def, Env: f.env(), Help: f.help})
	}
	return all
}

// field ties the path of a setting to its place in [Settings].
type field struct {
	path      string
	at        func(*Settings) any // pointer to the value; its type decides how text is read
	help      string
	byDefault string   // the default in words, when it isn't a constant
	kind      string   // name of the type, when the pointer doesn't tell it
	choices   []string // the only values allowed
	seconds   bool     // a bare number is a duration in seconds
}

func (f field) env() string { return envPrefix + strings.ToUpper(strings.ReplaceAll(f.path, ".", "_")) }

func (f field) secret() bool {
	switch f.at(&Settings{}).(type) {
	case *Secret, *URL:
		return true
	}
	return false
}

func (f field) isList() bool {
	_, is := f.at(&Settings{}).(*[]string)
	return is
}

func (f field) typeName() string {
	if len(f.choices) > 0 {
		return strings.Join(f.choices, ", ")
	}
	if f.kind != "" {
		return f.kind
	}
	switch f.at(&Settings{}).(type) {
	case *Secret:
		return "secret"
	case *URL:
		return "URL"
	case *bool:
		return "true/false"
	case *int:
		return "number"
	case *Bytes:
		return "size"
	case *time.Duration:
		return "duration"
	case **time.Time:
		return "time"
	}
	return "text"
}

// fields lists every setting, once.
func fields() []field {
	return []field{
		{path: "postgres.url", at: func(s *Settings) any { return &s.Postgres.URL }, byDefault: "DATABASE_URL", help: "LiteLLM's database, postgres://user:password@host:5432/database; Prisma's form works"},
		{path: "postgres.container", at: func(s *Settings) any { return &s.Postgres.Container }, help: "name of its Docker container, instead of a host: no published port needed; user, password and database are read from the container where not set"},
		{path: "postgres.host", at: func(s *Settings) any { return &s.Postgres.Host }, help: "instead of a URL: host name, address, or the folder of a Unix socket"},
		{path: "postgres.port", at: func(s *Settings) any { return &s.Postgres.Port }, byDefault: "5432", help: "its port"},
		{path: "postgres.user", at: func(s *Settings) any { return &s.Postgres.User }, help: "a role with REPLICATION and SELECT on LiteLLM's tables"},
		{path: "postgres.password", at: func(s *Settings) any { return &s.Postgres.Password }, byDefault: "PGPASSWORD, ~/.pgpass", help: "any characters, nothing to escape (in a URL: percent-encoded)"},
		{path: "postgres.password_file", at: func(s *Settings) any { return &s.Postgres.PasswordFile }, kind: "path", help: "file that holds the password, instead of postgres.password"},
		{path: "postgres.database", at: func(s *Settings) any { return &s.Postgres.Database }, help: "name of the database"},
		{path: "postgres.sslmode", at: func(s *Settings) any { return &s.Postgres.SSLMode }, byDefault: "prefer; verify-full with postgres.sslrootcert, disable with postgres.container", choices: sslModes(), help: "as psql's"},
		{path: "postgres.sslrootcert", at: func(s *Settings) any { return &s.Postgres.SSLRootCert }, kind: "path", help: "PEM file of the authority that signed the server's certificate, or system"},
		{path: "postgres.sslcert", at: func(s *Settings) any { return &s.Postgres.SSLCert }, kind: "path", help: "PEM file of our certificate, for a server that wants one"},
		{path: "postgres.sslkey", at: func(s *Settings) any { return &s.Postgres.SSLKey }, kind: "path", help: "PEM file of its key, not encrypted"},
		{path: "postgres.schema", at: func(s *Settings) any { return &s.Postgres.Schema }, help: "schema of LiteLLM's tables"},

		{path: "nats.url", at: func(s *Settings) any { return &s.NATS.URL }, byDefault: "the embedded server", help: "NATS server with JetStream, nats://host:4222; several with commas"},
		{path: "nats.credentials", at: func(s *Settings) any { return &s.NATS.Credentials }, kind: "path", help: "NATS .creds file"},
		{path: "nats.replicas", at: func(s *Settings) any { return &s.NATS.Replicas }, help: "copies of each stream, 1 to 5, when it is made"},
		{path: "nats.store_dir", at: func(s *Settings) any { return &s.NATS.StoreDir }, kind: "path", byDefault: "the user's state folder", help: "data of the embedded server ($XDG_STATE_HOME/faultwire, ~/.local/state/faultwire)"},
		{path: "nats.max_bytes", at: func(s *Settings) any { return &s.NATS.MaxBytes }, byDefault: "4GiB, embedded: at most 20 % of the free disk", help: "size of the log, when it is made"},

		{path: "ingest.mode", at: func(s *Settings) any { return &s.Ingest.Mode }, choices: []string{ModeAuto, ModeStream, ModePoll}, help: "how failures are read: logical replication, else (poll) queries every 10 s; auto streams where the database can"},
		{path: "ingest.history", at: func(s *Settings) any { return &s.Ingest.History }, help: "how far back the first start reads; 0 = not at all"},
		{path: "ingest.publication", at: func(s *Settings) any { return &s.Ingest.Publication }, help: "name of the publication in Postgres"},
		{path: "ingest.slot", at: func(s *Settings) any { return &s.Ingest.Slot }, help: "name of the replication slot in Postgres"},
		{path: "ingest.redact", at: func(s *Settings) any { return &s.Ingest.Redact }, help: "remove keys, tokens and passwords from rows before they leave ingest"},
		{path: "ingest.redact_patterns", at: func(s *Settings) any { return &s.Ingest.RedactPatterns }, kind: "list", help: "further secrets, as regular expressions (RE2); of one with groups the groups are cut"},
		{path: "ingest.redact_names", at: func(s *Settings) any { return &s.Ingest.RedactNames }, kind: "list", help: "further names that secrets stand under, such as x-corp-auth (a variable holds one a line, and so for patterns)"},
		{path: "ingest.keep_prompts", at: func(s *Settings) any { return &s.Ingest.KeepPrompts }, help: "keep messages, response and proxy_server_request; else a marker with their size"},
		{path: "ingest.count_requests", at: func(s *Settings) any { return &s.Ingest.CountRequests }, help: "count all requests of every minute, by a short query over the index on startTime: for failure rates and coverage"},
		{path: "ingest.include_rescued", at: func(s *Settings) any { return &s.Ingest.IncludeRescued }, help: "read failures that a retry, a fallback or a cut stream hid from the client too"},

		{path: "analyzer.window", at: func(s *Settings) any { return &s.Analyzer.Window }, help: "failures are counted per window, model and key; 1s to 15m, a divisor of 15m"},

		{path: "llm.enabled", at: func(s *Settings) any { return &s.LLM.Enabled }, byDefault: "true if llm.url is set", help: "let an LLM explain kinds of errors; numbers never need it"},
		{path: "llm.url", at: func(s *Settings) any { return &s.LLM.URL }, kind: "URL", help: "OpenAI-compatible API, http://host:4000/v1"},
		{path: "llm.api_key", at: func(s *Settings) any { return &s.LLM.APIKey }, help: "its key"},
		{path: "llm.api_key_file", at: func(s *Settings) any { return &s.LLM.APIKeyFile }, kind: "path", help: "file that holds the key, instead of llm.api_key"},
		{path: "llm.model", at: func(s *Settings) any { return &s.LLM.Model }, help: "model to ask; required when enabled"},
		{path: "llm.timeout", at: func(s *Settings) any { return &s.LLM.Timeout }, seconds: true, help: "of one call, and how long a report's text waits for explanations; a bare number is seconds"},
		{path: "llm.calls_per_hour", at: func(s *Settings) any { return &s.LLM.CallsPerHour }, help: "budget; 0 = none"},
		{path: "llm.calls_per_day", at: func(s *Settings) any { return &s.LLM.CallsPerDay }, help: "budget; 0 = none"},

		{path: "report.every", at: func(s *Settings) any { return &s.Report.Every }, help: "period of the live reports: a multiple of analyzer.window, at most 24h"},
		{path: "report.timezone", at: func(s *Settings) any { return &s.Report.Timezone }, byDefault: "the machine's", help: "IANA name such as Asia/Shanghai: names of folders and files, boundaries of periods"},

		{path: "replay.start", at: func(s *Settings) any { return &s.Replay.Start }, help: `inclusive, "YYYY-MM-DD HH:MM:SS" in UTC as stored, or RFC 3339`},
		{path: "replay.end", at: func(s *Settings) any { return &s.Replay.End }, help: "inclusive, written like replay.start"},
		{path: "replay.days", at: func(s *Settings) any { return &s.Replay.Days }, help: "with neither start nor end: the last N days of 24 h"},
		{path: "replay.model", at: func(s *Settings) any { return &s.Replay.Model }, help: "exact model or model group; empty = any"},
		{path: "replay.key", at: func(s *Settings) any { return &s.Replay.Key }, help: "exact key alias; empty = any"},
		{path: "replay.limit", at: func(s *Settings) any { return &s.Replay.Limit }, help: "newest rows; 0 = all"},
		{path: "replay.time_filter", at: func(s *Settings) any { return &s.Replay.TimeFilter }, help: "false: select by model or key alone"},

		{path: "output.dir", at: func(s *Settings) any { return &s.Output.Dir }, kind: "path", help: "folder of the dated files"},
		{path: "output.save_full_logs", at: func(s *Settings) any { return &s.Output.SaveFullLogs }, help: "write error_logs_full_HHMMSS.json"},
		{path: "output.save_analysis_logs", at: func(s *Settings) any { return &s.Output.SaveAnalysisLogs }, help: "write error_logs_analysis_HHMMSS.json"},
		{path: "output.save_llm_result", at: func(s *Settings) any { return &s.Output.SaveLLMResult }, help: "write llm_analysis_HHMMSS.txt"},
		{path: "output.max_rows", at: func(s *Settings) any { return &s.Output.MaxRows }, help: "rows in full in one error_logs_full file; 0 = all"},

		{path: "http.addr", at: func(s *Settings) any { return &s.HTTP.Addr }, help: "where /metrics, /healthz and /readyz are served; port 0 = a free one"},

		{path: "log.level", at: func(s *Settings) any { return &s.Log.Level }, choices: []string{"debug", "info", "warn", "error"}, help: "what is said on stderr"},
		{path: "log.format", at: func(s *Settings) any { return &s.Log.Format }, choices: []string{"text", "json"}, help: "how"},
	}
}

func sslModes() []string {
	return []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
}

// sections returns the names of the sections in order.
func sections() []string {
	var names []string
	for _, f := range fields() {
		section, _, _ := strings.Cut(f.path, ".")
		if len(names) == 0 || names[len(names)-1] != section {
			names = append(names, section)
		}
	}
	return names
}
