package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// bad is a start that must be refused.
type bad struct {
	env   []string // over those of a scene that works
	yaml  string   // ./faultwire.yaml
	args  []string // "run" when there are none
	code  int
	lines [][]string // what each line on stderr must hold, and how many there are
}

// TestBadInput: each fault is one line that names the setting first and the remedy
// last, and the exit code is right.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]bad{
		"unknown key": {yaml: "analyzer:\n  windw: 5m\n", code: 2, lines: [][]string{{"faultwire.yaml:2", "analyzer.windw", "did you mean analyzer.window?"}}},
		"several faults": {
			yaml: "llm: {timeout: soon}\nreplay: {days: -1}\n", env: []string{"FAULTWIRE_OUTPUT_MAX_ROWS=-1"}, code: 2,
			lines: [][]string{{"faultwire.yaml:1", "llm.timeout", "soon"}, {"faultwire.yaml:2", "replay.days"}, {"FAULTWIRE_OUTPUT_MAX_ROWS", "output.max_rows"}},
		},
		"wrong type":     {env: []string{"FAULTWIRE_OUTPUT_SAVE_FULL_LOGS=perhaps"}, code: 2, lines: [][]string{{"FAULTWIRE_OUTPUT_SAVE_FULL_LOGS", "output.save_full_logs", "perhaps"}}},
		"no database":    {env: []string{"DATABASE_URL="}, code: 2, lines: [][]string{{"postgres.url", "set"}}},
		"unknown flag":   {args: []string{"run", "--fast"}, code: 2, lines: [][]string{{"--fast", "faultwire run --help"}}},
		"an argument":    {args: []string{"run", "now"}, code: 2, lines: [][]string{{`"now"`, "faultwire run --help"}}},
		"wrong password": {env: []string{"FAULTWIRE_POSTGRES_URL=" + strings.Replace(s.db.URL, "://postgres:", "://postgres:secret-", 1)}, code: 2, lines: [][]string{{"postgres.url", "FAULTWIRE_POSTGRES_PASSWORD"}}},
		"wrong database": {env: []string{"FAULTWIRE_POSTGRES_URL=" + s.db.URL[:strings.LastIndex(s.db.URL, "/")] + "/nowhere?sslmode=disable"}, code: 2, lines: [][]string{{"postgres.database", `"nowhere"`, "FAULTWIRE_POSTGRES_DATABASE"}}},
		"no LiteLLM":     {env: []string{"FAULTWIRE_POSTGRES_URL=" + s.db.Server.URL("postgres")}, code: 2, lines: [][]string{{"LiteLLM_SpendLogs", "postgres."}}},
		"output folder":  {env: []string{"FAULTWIRE_OUTPUT_DIR=" + filepath.Join(file, "output")}, code: 2, lines: [][]string{{"output.dir", file, "FAULTWIRE_OUTPUT_DIR"}}},
		"data folder":    {env: []string{"FAULTWIRE_NATS_STORE_DIR=" + filepath.Join(file, "store")}, code: 2, lines: [][]string{{"nats.store_dir", file, "FAULTWIRE_NATS_STORE_DIR"}}},
		"address":        {env: []string{"FAULTWIRE_HTTP_ADDR=192.0.2.1:80"}, code: 2, lines: [][]string{{"http.addr", "192.0.2.1:80"}}},
		"all of a machine": {
			env: []string{"FAULTWIRE_HTTP_ADDR=192.0.2.1:80", "FAULTWIRE_OUTPUT_DIR=" + file, "FAULTWIRE_NATS_STORE_DIR=" + file}, code: 2,
			lines: [][]string{{"output.dir"}, {"http.addr"}, {"nats.store_dir"}},
		},
		"LLM without a model": {env: []string{"FAULTWIRE_LLM_URL=http://localhost/v1"}, code: 2, lines: [][]string{{"llm.model", "FAULTWIRE_LLM_MODEL"}}},
		"unreachable": {
			env: []string{"FAULTWIRE_POSTGRES_URL=postgres://u:secret@127.0.0.1:1/litellm"}, code: 1,
			lines: [][]string{{"postgres.url", "127.0.0.1:1", "30s", "FAULTWIRE_POSTGRES_URL"}},
		},
		"replay of an unreachable one": {
			args: []string{"replay"}, env: []string{"FAULTWIRE_POSTGRES_URL=postgres://u:secret@127.0.0.1:1/litellm"}, code: 1,
			lines: [][]string{{"postgres.url", "127.0.0.1:1", "30s", "FAULTWIRE_POSTGRES_URL"}},
		},
		"replay without LiteLLM": {
			args: []string{"replay"}, env: []string{"FAULTWIRE_POSTGRES_URL=" + s.db.Server.URL("postgres")}, code: 2, lines: [][]string{{"LiteLLM_SpendLogs", "postgres."}},
		},
		"setup without LiteLLM": {
			args: []string{"setup"}, env: []string{"FAULTWIRE_POSTGRES_URL=" + s.db.Server.URL("postgres")}, code: 2, lines: [][]string{{"LiteLLM_SpendLogs", "postgres."}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := *s
			own.t, own.output, own.store = t, filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "store")
			test.refused(t, &own)
		})
	}
}

func (b bad) refused(t *testing.T, s *scene) {
	t.Helper()
	env := append(s.env(), b.env...)
	args := b.args
	if len(args) == 0 {
		args = []string{"run"}
	}
	if b.yaml != "" {
		path := filepath.Join(t.TempDir(), "faultwire.yaml")
		if err := os.WriteFile(path, []byte(b.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	code, stdout, stderr := run(t, patience, "faultwire", env, args...)
	if code != b.code {
		t.Errorf("exit code %d, want %d", code, b.code)
	}
	var lines []string
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "time=") { // the log, about tries
			lines = append(lines, line)
		}
	}
	if len(lines) != len(b.lines) {
		t.Fatalf("%d lines, want %d:\n%s%s", len(lines), len(b.lines), stdout, stderr)
	}
	for i, parts := range b.lines {
		for _, part := range parts {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %q lacks %q", lines[i], part)
			}
		}
	}
	if strings.Contains(stderr+stdout, "secret") {
		t.Errorf("a password is printed:\n%s%s", stdout, stderr)
	}
}

// TestWALLevel: a database that can't stream is refused with what to do, and
// followed when that is done.
func TestWALLevel(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"wal_level": "replica"})
	s := newScene(t, testkit.WithServer(server))
	s.more = []string{streamOnly}
	bad{code: 2, lines: [][]string{{"wal_level", "ALTER SYSTEM SET wal_level = logical", "restart"}}}.refused(t, s)
	if _, sql, _ := run(t, patience, "faultwire", s.env(), "setup", "--print"); !strings.Contains(sql, "ALTER SYSTEM SET wal_level = logical;") {
		t.Errorf("setup --print:\n%s", sql)
	}
	// A replay needs no more than SELECT.
	code, stdout, stderr := run(t, patience, "faultwire", s.env(), "replay")
	if code != 3 {
		t.Errorf("replay: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// streamOnly: a database that can't be streamed from is an error, and not polled.
const streamOnly = "FAULTWIRE_INGEST_MODE=stream"

// TestPolls: a role that may only read is enough; what streaming needs is said.
func TestPolls(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, url := s.reader()
	owner := s.more
	s.more = []string{"FAULTWIRE_POSTGRES_URL=" + url}
	p := s.follow()
	if err := sample.Insert(t.Context(), s.conn, recent(t)); err != nil {
		t.Fatal(err)
	}
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	stdout, _ := p.stdout.snapshot()
	for _, part := range []string{"polling every 10 s", "CREATE PUBLICATION"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("stdout lacks %q:\n%s", part, stdout)
		}
	}
	s.more = owner
}

// TestRole: a role without REPLICATION is told which statement gives it, and
// whoever runs it loses nothing.
func TestRole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	role, url := s.reader()
	owner := s.more
	s.more = []string{streamOnly, "FAULTWIRE_POSTGRES_URL=" + url}
	bad{code: 2, lines: [][]string{{"ingest.publication", role, "Run as", "CREATE PUBLICATION"}}}.refused(t, s)

	// The statements that setup prints are run by somebody who may.
	code, sql, stderr := run(t, patience, "faultwire", s.env(), "setup", "--print")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for statement := range strings.Lines(sql) { // psql runs them one by one, too
		s.exec(statement)
	}
	bad{code: 2, lines: [][]string{{"postgres.user", role, "ALTER ROLE", "REPLICATION"}}}.refused(t, s)
	s.exec(`ALTER ROLE ` + role + ` REPLICATION`)
	rows := recent(t)
	if err := sample.Insert(t.Context(), s.conn, rows); err != nil { // before the first start, behind the slot
		t.Fatal(err)
	}
	p := s.follow()
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.more = owner
}

// reader makes a role that may read LiteLLM's table and nothing else, until the end of
// the test, and returns its name and its URL.
func (s *scene) reader() (role, url string) {
	s.t.Helper()
	role = s.db.Name + "_reader"
	s.exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'pw'`)
	s.t.Cleanup(func() {
		if _, err := s.conn.Exec(context.WithoutCancel(s.t.Context()), `DROP OWNED BY `+role+`; DROP ROLE `+role); err != nil {
			s.t.Error(err)
		}
	})
	s.exec(`GRANT SELECT ON "LiteLLM_SpendLogs" TO ` + role)
	config, err := pgxpool.ParseConfig(s.db.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	c := config.ConnConfig
	return role, "postgres://" + role + ":pw@" + c.Host + ":" + strconv.Itoa(int(c.Port)) + "/" + c.Database + "?sslmode=disable"
}

// TestTwoRuns: a second run on one data folder is refused and names the first,
// which goes on.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	first := s.follow()
	bad{code: 2, lines: [][]string{{"nats.store_dir", s.store, "pid " + strconv.Itoa(first.cmd.Process.Pid), "FAULTWIRE_NATS_STORE_DIR"}}}.refused(t, s)
	if err := sample.Insert(t.Context(), s.conn, recent(t)); err != nil {
		t.Fatal(err)
	}
	s.reported(patience)
	if code := first.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestStopWhileStarting: a signal ends the tries to reach a database, too.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.more = []string{"FAULTWIRE_POSTGRES_URL=postgres://u:p@127.0.0.1:1/litellm"}
	p := start(t, "faultwire", s.env(), "run")
	testkit.Eventually(t, patience, "the store is locked", func() bool {
		_, err := os.Stat(filepath.Join(s.store, "faultwire.pid"))
		return err == nil
	})
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
