package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestEmptyIsDefaults(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{
		"nothing": "", "comment": "# nothing\n", "marker": "---\n", "null": "null\n", "section": "analyzer:\nllm: null\n", "key": "analyzer: {window: }\nreport: {timezone: ~}\n",
		"braces": "{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, "faultwire.yaml", yaml)
			got, err := config.Load(config.Options{Dir: dir, Environ: []string{"HOME=/home/op", "TZ=Asia/Shanghai", "XDG_STATE_HOME=/state"}})
			if err != nil {
				t.Fatal(err)
			}
			want := config.Default()
			want.Report.Timezone, want.Output.Dir, want.NATS.StoreDir = "Asia/Shanghai", filepath.Join(dir, "output"), filepath.FromSlash("/state/faultwire")
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const yaml = "analyzer: {window: 1m}\nreport: {every: 30m}\noutput: {max_rows: 7, dir: a}\nllm: {timeout: 60}\n"
	o := config.Options{
		Dir:     write(t, "faultwire.yaml", yaml),
		Environ: []string{"HOME=/home/op", "TZ=UTC", "FAULTWIRE_REPORT_EVERY=2h", "FAULTWIRE_OUTPUT_MAX_ROWS=8", "FAULTWIRE_LLM_TIMEOUT="},
		Flags:   []config.Flag{{Name: "--output-dir", Path: "output.dir", Value: "/data/b"}, {Name: "--max-rows", Path: "output.max_rows", Value: "9"}},
	}
	s, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Analyzer.Window != time.Minute || s.Report.Every != 2*time.Hour || s.Output.MaxRows != 9 || s.Output.Dir != "/data/b" || s.LLM.Timeout != time.Minute {
		t.Errorf("file < environment < flag is broken: %+v", s)
	}
}

func TestWhichFile(t *testing.T) {
	t.Parallel()
	dir := write(t, "faultwire.yaml", "replay: {limit: 1}\n")
	for file, text := range map[string]string{"env.yaml": "replay: {limit: 2}\n", "flag.yaml": "replay: {limit: 3}\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		flag, env string
		want      int
	}{{"", "", 1}, {"", "env.yaml", 2}, {"flag.yaml", "env.yaml", 3}} {
		s, err := config.Load(config.Options{Dir: dir, File: c.flag, Environ: []string{"HOME=/", "FAULTWIRE_CONFIG=" + c.env}})
		if err != nil || s.Replay.Limit != c.want {
			t.Errorf("flag %q, env %q: %v, want limit %d", c.flag, c.env, err, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	s, err := load(t, `
llm: {url: "http://localhost:4000/v1/chat/completions", model: qwen3-30b, timeout: 600, api_key: 0123}
nats: {max_bytes: 512MB, store_dir: ~/data, url: "nats://u:p@a:1,tls://b"}
replay: {start: 2025-12-01 00:00:00, end: "2025-12-23T23:59:59+08:00", model: 1.0, key: "模型", time_filter: no}
output: {save_full_logs: False}
ingest: {keep_prompts: on}
`, "FAULTWIRE_REPORT_TIMEZONE=Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if !s.LLM.Enabled || s.LLM.URL != "http://localhost:4000/v1" || s.LLM.Timeout != 10*time.Minute || s.LLM.APIKey.Reveal() != "0123" {
		t.Errorf("llm: %+v", s.LLM)
	}
	if s.NATS.MaxBytes != 512e6 || s.NATS.StoreDir != "/home/op/data" || s.NATS.URL.Reveal() != "nats://u:p@a:1,tls://b" {
		t.Errorf("nats: %+v", s.NATS)
	}
	r := s.Replay
	if !r.Start.Equal(time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)) || !r.End.Equal(time.Date(2025, 12, 23, 15, 59, 59, 0, time.UTC)) || r.Model != "1.0" || r.Key != "模型" || r.TimeFilter {
		t.Errorf("replay: %+v", r)
	}
	if s.Output.SaveFullLogs || !s.Ingest.KeepPrompts || s.Report.Location().String() != "Europe/Berlin" {
		t.Errorf("output %+v, ingest %+v, report %+v", s.Output, s.Ingest, s.Report)
	}
}

// Each text of a settings file and its environment, and the lines it must give.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, yaml string
		env        []string
		want       []string
	}{
		{"slip", "\n\nanalyzer:\n  windw: 5m\n", nil, []string{"faultwire.yaml:4: analyzer.windw: unknown setting; did you mean analyzer.window?"}},
		{"swap", "output: {dri: x}", nil, []string{"faultwire.yaml:1: output.dri: unknown setting; did you mean output.dir?"}},
		{"other section", "analyzer: {every: 1h}", nil, []string{"faultwire.yaml:1: analyzer.every: unknown setting; did you mean report.every?"}},
		{"old name", "output: {output_dir: x}\nllm: {api_url: x}", nil, []string{
			"faultwire.yaml:1: output.output_dir: unknown setting; did you mean output.dir?",
			"faultwire.yaml:2: llm.api_url: unknown setting; did you mean llm.url?",
		}},
		{"nothing near", "http: {cats_and_dogs_and_birds: 1}", nil, []string{"faultwire.yaml:1: http.cats_and_dogs_and_birds: unknown setting; http has addr"}},
		{"section", "analyser: {window: 5m}", nil, []string{"faultwire.yaml:1: analyser: unknown section; did you mean analyzer?"}},
		{"old section", "query: {limit: 5}", nil, []string{"faultwire.yaml:1: query: unknown section; did you mean replay?"}},
		{"dotted", "analyzer.window: 5m", nil, []string{"faultwire.yaml:1: analyzer.window: unknown section; write window: indented below analyzer:"}},
		{"hostile key", "\"\\e[31m\\n\": 1", nil, []string{`faultwire.yaml:1: "\x1b[31m\n": unknown section; there are postgres, nats, ingest, analyzer, llm, report, replay, output, http, log`}},
		{"twice", "analyzer:\n  window: 5m\n  window: 1m\n", nil, []string{"faultwire.yaml:3: analyzer.window: set a second time, first in line 2: keep one"}},
		{"section twice", "llm: {}\nllm: {}\n", nil, []string{"faultwire.yaml:2: llm: set a second time, first in line 1: keep one"}},
		{"syntax", "analyzer:\n  window: [5m\n", nil, []string{"faultwire.yaml:2: not valid YAML: did not find expected ',' or ']'; check indentation, colons and quotes near this line"}},
		{"indentation", "# x\n\nanalyzer:\n  window: 5m\n every: 2\nllm: {}\n", nil, []string{"faultwire.yaml:5: not valid YAML: did not find expected key; check indentation, colons and quotes near this line"}},
		{"tab", "analyzer:\n  window: 5m\n\tx: 2\n", nil, []string{"faultwire.yaml:3: not valid YAML: found a tab character that violates indentation; check indentation, colons and quotes near this line"}},
		{"quote", "llm:\n  model: 'x\nlog: {}\n", nil, []string{"faultwire.yaml:2: not valid YAML: found unexpected end of stream; check indentation, colons and quotes near this line"}},
		{"no colon", "llm:\n  model\nlog: {}\n", nil, []string{"faultwire.yaml:1: llm: found a value: wanted its settings, indented below"}},
		{"colon", "replay:\n  model: a: b\n", nil, []string{"faultwire.yaml:2: not valid YAML: mapping values are not allowed in this context; put a value that holds a colon and a blank in single quotes"}},
		{"at", "llm:\n  model: @x\n", nil, []string{"faultwire.yaml:2: not valid YAML: found character that cannot start any token; put a value that begins with @, %, ` or a tab in single quotes"}},
		{"star", "llm:\n  api_key: *x\n", nil, []string{"faultwire.yaml:2: not valid YAML: an unknown anchor is referred to; put a value that begins with * in single quotes"}},
		{"ampersand", "llm:\n  api_key: &x\n", nil, []string{"faultwire.yaml:2: llm.api_key: begins with &, which YAML takes for an anchor: put it in single quotes"}},
		{"bang", "llm:\n  api_key: !x\n", nil, []string{"faultwire.yaml:2: llm.api_key: begins with !, which YAML takes for a tag: put it in single quotes"}},
		{"list", "- a\n", nil, []string{"faultwire.yaml:1: found a list: wanted sections such as analyzer: with their settings indented below"}},
		{"documents", "llm: {}\n---\nllm: {}\n", nil, []string{"faultwire.yaml:2: a second document begins here: keep one, without ---"}},
		{"value for section", "llm: 5\n", nil, []string{"faultwire.yaml:1: llm: found a value: wanted its settings, indented below"}},
		{"section for value", "llm: {timeout: {s: 5}, api_key: [a]}\n", nil, []string{
			"faultwire.yaml:1: llm.timeout: found a section: wanted a duration such as 5m, 300s or a number of seconds",
			"faultwire.yaml:1: llm.api_key: found a list: wanted a text",
		}},
		{"list as key", "llm: {[a]: 1}\n", nil, []string{"faultwire.yaml:1: llm: found a list as a key: wanted a name"}},
		{"types", "analyzer: {window: 5}\noutput: {max_rows: many, save_full_logs: maybe}\nnats: {max_bytes: 4 gigs}\nreplay: {start: yesterday}\n", nil, []string{
			`faultwire.yaml:3: nats.max_bytes: found "4 gigs": wanted a size such as 4GiB, 512MB or a number of bytes`,
			`faultwire.yaml:1: analyzer.window: found "5": wanted a duration such as 5m or 300s`,
			`faultwire.yaml:4: replay.start: found "yesterday": wanted a time such as "2025-12-01 00:00:00" (UTC, as stored) or 2025-12-01T08:00:00+08:00`,
			`faultwire.yaml:2: output.save_full_logs: found "maybe": wanted true or false`,
			`faultwire.yaml:2: output.max_rows: found "many": wanted a whole number such as 100`,
		}},
		{"window", "", []string{"FAULTWIRE_ANALYZER_WINDOW=7m"}, []string{"FAULTWIRE_ANALYZER_WINDOW: analyzer.window: found 7m: wanted 1s to 15m, a divisor of 15m, such as 30s, 1m, 3m, 5m or 15m"}},
		{"window 0", "analyzer: {window: 0s}", nil, []string{"faultwire.yaml:1: analyzer.window: found 0s: wanted 1s to 15m, a divisor of 15m, such as 30s, 1m, 3m, 5m or 15m"}},
		{"every", "report: {every: 7m}", nil, []string{"faultwire.yaml:1: report.every: found 7m: wanted a multiple of analyzer.window (5m), at most 24h, such as 1h or 24h"}},
		{"every too long", "report: {every: 25h}", nil, []string{"faultwire.yaml:1: report.every: found 25h: wanted a multiple of analyzer.window (5m), at most 24h, such as 1h or 24h"}},
		{"window changed under every", "report: {every: 5m}\nanalyzer: {window: 15m}", nil, []string{"faultwire.yaml:1: report.every: found 5m: wanted a multiple of analyzer.window (15m), at most 24h, such as 1h or 24h"}},
		{"zone", "report: {timezone: Beijing}", nil, []string{`faultwire.yaml:1: report.timezone: found "Beijing": wanted an IANA name such as Asia/Shanghai, Europe/Berlin or UTC`}},
		{"zone Local", "report: {timezone: Local}", nil, []string{`faultwire.yaml:1: report.timezone: found "Local": wanted an IANA name such as Asia/Shanghai, Europe/Berlin or UTC`}},
		{"llm without model", "llm: {url: 'http://x/v1'}", nil, []string{"llm.model: empty, but there is an llm.url: set it (FAULTWIRE_LLM_MODEL) to a model that API serves, or set llm.enabled: false"}},
		{"llm without url", "llm: {enabled: true}", nil, []string{"llm.url: empty, but llm.enabled is true: set it (FAULTWIRE_LLM_URL) to an OpenAI-compatible API such as http://localhost:4000/v1, or set llm.enabled: false"}},
		{"llm url", "llm: {url: 'localhost:4000', model: m, timeout: -5s, calls_per_day: -1}", nil, []string{
			"faultwire.yaml:1: llm.url: found no http:// or https:// URL: wanted one such as http://localhost:4000/v1",
			"faultwire.yaml:1: llm.timeout: found -5s: wanted more than 0, such as 300s",
			"faultwire.yaml:1: llm.calls_per_day: found -1: wanted 0 or more",
		}},
		{"llm url with key", "llm: {url: 'http://:hunter2@x/v1', model: m}", nil, []string{"faultwire.yaml:1: llm.url: holds a user or a password: put the key into llm.api_key"}},
		{"mode", "ingest: {mode: pool, history: -1h}", nil, []string{
			`faultwire.yaml:1: ingest.mode: found "pool": wanted one of auto, stream, poll; did you mean poll?`,
			`faultwire.yaml:1: ingest.history: found -1h0m0s: wanted 0 or more, such as 168h`,
		}},
		{"names", "ingest: {slot: My-Slot, publication: \"a'; drop\"}", nil, []string{
			`faultwire.yaml:1: ingest.publication: found "a'; drop": wanted 1 to 63 of a-z, 0-9 and _, such as faultwire`,
			`faultwire.yaml:1: ingest.slot: found "My-Slot": wanted 1 to 63 of a-z, 0-9 and _, such as faultwire`,
		}},
		{"choice", "log: {level: warning, format: ''}\npostgres: {sslmode: full}", nil, []string{
			`faultwire.yaml:2: postgres.sslmode: found "full": wanted one of disable, allow, prefer, require, verify-ca, verify-full`,
			`faultwire.yaml:1: log.level: found "warning": wanted one of debug, info, warn, error`,
			`faultwire.yaml:1: log.format: found "": wanted one of text, json`,
		}},
		{"output and http", "output: {dir: '', max_rows: -1}\nhttp: {addr: '9464'}\nreplay: {days: 0, limit: -1}", nil, []string{
			"faultwire.yaml:3: replay.days: found 0: wanted 1 or more; for all rows set replay.time_filter: false",
			"faultwire.yaml:3: replay.limit: found -1: wanted 0 or more",
			"faultwire.yaml:1: output.dir: empty: set it to a folder such as ./output (FAULTWIRE_OUTPUT_DIR)",
			"faultwire.yaml:1: output.max_rows: found -1: wanted 0 or more",
			`faultwire.yaml:2: http.addr: found "9464": wanted host:port such as 127.0.0.1:9464, or :9464 for every address`,
		}},
		{"replay backwards", "replay: {start: 2025-12-02 00:00:00, end: 2025-12-01 00:00:00}", nil, []string{"faultwire.yaml:1: replay.end: found 2025-12-01 00:00:00, before replay.start 2025-12-02 00:00:00: swap them"}},
		{"nats", "nats: {url: 'http://x', replicas: 6}", nil, []string{
			"faultwire.yaml:1: nats.url: found a URL of another kind: wanted nats://host:4222 or tls://host:4222, several with commas",
			"faultwire.yaml:1: nats.replicas: found 6: wanted 1 to 5",
		}},
		{"environment", "", []string{"FAULTWIRE_ANALYZER_WINDW=5m", "FAULTWIRE_LLM_API_URL=x", "FAULTWIRE_QQQQQQQQ=1"}, []string{
			"FAULTWIRE_ANALYZER_WINDW: unknown setting; did you mean FAULTWIRE_ANALYZER_WINDOW?",
			"FAULTWIRE_LLM_API_URL: unknown setting; did you mean FAULTWIRE_LLM_URL?",
			"FAULTWIRE_QQQQQQQQ: unknown setting; variables are named FAULTWIRE_SECTION_KEY, such as FAULTWIRE_REPORT_EVERY: remove it or correct its name",
		}},
		{"postgres parts", "postgres: {host: 'postgres://u:hunter2@h/d', port: 70000, schema: ''}", nil, []string{
			"faultwire.yaml:1: postgres.host: found a URL: wanted a host name or address; a URL belongs in postgres.url",
			"faultwire.yaml:1: postgres.port: found 70000: wanted 1 to 65535",
			`faultwire.yaml:1: postgres.schema: found "": wanted the name of a schema, such as public`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := load(t, c.yaml, c.env...)
			if s != nil || err == nil {
				t.Fatalf("no fault: %+v", s)
			}
			if diff := cmp.Diff(c.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
			var faults config.Faults
			if !errors.As(err, &faults) || len(faults) != len(c.want) {
				t.Errorf("not Faults, one for each line: %T", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a fault holds a password")
			}
		})
	}
}

// All kinds of faults of all sources come at once.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Options{
		Dir:     write(t, "faultwire.yaml", "analyzer: {windw: 1m}\nnats: {replicas: x}\n"),
		Environ: []string{"FAULTWIRE_FOO=1", "FAULTWIRE_REPORT_EVERY=x", "HOME=/"},
		Flags:   []config.Flag{{Name: "--limit", Path: "replay.limit", Value: "all"}, {Name: "--foo", Path: "replay.foo", Value: "1"}},
		Needs:   config.NeedNATS | config.NeedPostgres,
	})
	want := []string{
		"faultwire.yaml:1: analyzer.windw: unknown setting; did you mean analyzer.window?",
		"FAULTWIRE_FOO: unknown setting; variables are named FAULTWIRE_SECTION_KEY, such as FAULTWIRE_REPORT_EVERY: remove it or correct its name",
		`faultwire.yaml:2: nats.replicas: found "x": wanted a whole number such as 100`,
		`FAULTWIRE_REPORT_EVERY: report.every: found "x": wanted a duration such as 5m or 300s`,
		`--limit: replay.limit: found "all": wanted a whole number such as 100`,
		"--foo: replay.foo: unknown setting; replay has start, end, days, model, key, limit, time_filter",
		"postgres.url: empty: set it to postgres://user:password@host:5432/database (or FAULTWIRE_POSTGRES_URL, DATABASE_URL, --postgres-url), or set postgres.host, postgres.user, postgres.database, or postgres.container (--container) to the name of its Docker container",
		"nats.url: empty: set it (FAULTWIRE_NATS_URL) to a NATS server with JetStream, such as nats://localhost:4222, or run `faultwire run`, which brings its own",
	}
	if err == nil {
		t.Fatal("no fault")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestForeignVariables(t *testing.T) {
	t.Parallel()
	s, err := load(t, "", "FAULTWIRE_TEST_POSTGRES=17", "FAULTWIRE_CACHE=/x", "FAULTWIRE_OUTPUT=./output", "FAULTWIRE_IMAGE=faultwire:1", "DATABASE_URL=mysql://another/program",
		// A pod beside Services named faultwire and faultwire-postgres.
		"FAULTWIRE_PORT=tcp://10.0.0.1:9464", "FAULTWIRE_PORT_9464_TCP=tcp://10.0.0.1:9464", "FAULTWIRE_PORT_9464_TCP_PORT=9464", "FAULTWIRE_SERVICE_HOST=10.0.0.1",
		"FAULTWIRE_POSTGRES_PORT=tcp://10.0.0.2:5432", "FAULTWIRE_POSTGRES_SERVICE_PORT=5432", "FAULTWIRE_POSTGRES_SERVICE_PORT_SQL=5432")
	if err != nil {
		t.Fatal(err)
	}
	if s.Postgres.Port != 0 || s.Postgres.URL != "" {
		t.Errorf("postgres: %+v", s.Postgres)
	}
	if s, err := load(t, "", "FAULTWIRE_POSTGRES_PORT=5433"); err != nil || s.Postgres.Port != 5433 {
		t.Errorf("a port is a setting: %v", err)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("# filler\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    config.Options
		want string
	}{
		{config.Options{Dir: dir, File: "none.yaml"}, "--config: settings file none.yaml: no such file or directory; name one that exists and can be read, or none"},
		{config.Options{Dir: dir, Environ: []string{"FAULTWIRE_CONFIG=none.yaml"}}, "FAULTWIRE_CONFIG: settings file none.yaml: no such file or directory; name one that exists and can be read, or none"},
		{config.Options{Dir: dir, File: "."}, "--config: settings file .: is a directory; name one that exists and can be read, or none"},
		{config.Options{Dir: dir, File: "big.yaml"}, "--config: settings file big.yaml: larger than 1MiB; name one that exists and can be read, or none"},
	} {
		c.o.Environ = append(c.o.Environ, "HOME=/")
		if _, err := config.Load(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	if _, err := config.Load(config.Options{Dir: dir, File: "none.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestNoHome(t *testing.T) {
	t.Parallel()
	const want = "nats.store_dir: empty, and this user has no home folder to put it in (HOME is not set): set it (FAULTWIRE_NATS_STORE_DIR)"
	if _, err := config.Load(config.Options{Dir: t.TempDir()}); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, err := config.Load(config.Options{Dir: t.TempDir(), Environ: []string{"FAULTWIRE_NATS_URL=nats://x"}}); err != nil {
		t.Errorf("with a server of one's own no folder is needed: %v", err)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, "pw", "päss wörd'\\\n")
	for file, text := range map[string]string{"key": "sk-hunter2", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := config.Options{Dir: dir, Environ: []string{"HOME=/", "FAULTWIRE_POSTGRES_PASSWORD_FILE=pw", "FAULTWIRE_LLM_API_KEY_FILE=" + filepath.Join(dir, "key")}}
	s, err := config.Load(o)
	if err != nil || s.Postgres.Password.Reveal() != `päss wörd'\` || s.LLM.APIKey.Reveal() != "sk-hunter2" {
		t.Errorf("%v, %q, %q", err, s.Postgres.Password.Reveal(), s.LLM.APIKey.Reveal())
	}
	o.Environ = append(o.Environ, "FAULTWIRE_LLM_API_KEY=sk-hunter3")
	if _, err := config.Load(o); err == nil || err.Error() != "FAULTWIRE_LLM_API_KEY_FILE: llm.api_key_file: set here, and llm.api_key too (FAULTWIRE_LLM_API_KEY): keep one" {
		t.Errorf("got %v", err)
	}
	o.Environ = []string{"HOME=/", "FAULTWIRE_POSTGRES_PASSWORD_FILE=none", "FAULTWIRE_LLM_API_KEY_FILE=empty"}
	want := "FAULTWIRE_POSTGRES_PASSWORD_FILE: postgres.password_file: " + filepath.Join(dir, "none") + ": no such file or directory; name a file this user can read\n" +
		"FAULTWIRE_LLM_API_KEY_FILE: llm.api_key_file: " + filepath.Join(dir, "empty") + " is empty: write the secret into it"
	if _, err := config.Load(o); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestValidateByHand(t *testing.T) {
	t.Parallel()
	s := config.Default()
	if err := s.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	s.Analyzer.Window, s.Ingest.Slot = 0, ""
	if err := s.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want two faults, got %v", err)
	}
}
