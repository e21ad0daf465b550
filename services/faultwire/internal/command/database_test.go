package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/faultwire/internal/command"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// terminal is one with a person at it, who types what it holds.
type terminal struct{ bytes.Buffer }

func (*terminal) IsTerminal() bool { return true }

// scene is a database and a home of a test's own; slot and role are named after the
// database, since they belong to the whole server.
type scene struct {
	db      *testkit.Database
	admin   *pgx.Conn
	home    string
	environ []string
}

func newScene(t *testing.T, opts ...testkit.Option) *scene {
	t.Helper()
	s := &scene{db: testkit.Postgres(t, opts...), home: t.TempDir()}
	s.admin = s.db.Conn(t)
	s.environ = []string{
		"HOME=" + s.home, "XDG_STATE_HOME=" + s.home, "TZ=Asia/Shanghai", "FAULTWIRE_OUTPUT_DIR=" + filepath.Join(s.home, "output"), "FAULTWIRE_HTTP_ADDR=127.0.0.1:0",
		"FAULTWIRE_INGEST_SLOT=" + s.db.Name, "FAULTWIRE_POSTGRES_URL=" + s.db.URL,
	}
	return s
}

// call runs a command line; the streams are a terminal when there is somebody who
// types.
func (s *scene) call(t *testing.T, types string, args ...string) (code int, output string) {
	t.Helper()
	var out, err bytes.Buffer
	p := command.Process{Args: args, Environ: s.environ, Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &err}
	screen := &terminal{}
	if types != "" {
		keyboard := &terminal{}
		keyboard.WriteString(types)
		p.Stdin, p.Stdout = keyboard, screen
	}
	code = command.Main(t.Context(), p)
	return code, screen.String() + out.String() + err.String()
}

// says runs a command line and checks its exit code and parts of what it says.
func (s *scene) says(t *testing.T, wantCode int, types, line string, wants ...string) string {
	t.Helper()
	code, output := s.call(t, types, strings.Fields(line)...)
	if code != wantCode {
		t.Errorf("%s: exit code %d, want %d\n%s", line, code, wantCode, output)
	}
	for _, want := range wants {
		if !strings.Contains(output, want) {
			t.Errorf("%s: the output lacks %q:\n%s", line, want, output)
		}
	}
	return output
}

func (s *scene) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.admin.PgConn().Exec(context.WithoutCancel(t.Context()), fmt.Sprintf(sql, args...)).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// count is the only number that a query gives.
func (s *scene) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := s.admin.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// traces counts slot, publication and role.
func (s *scene) traces(t *testing.T) int {
	t.Helper()
	return s.count(t, `SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1) + (SELECT count(*) FROM pg_publication WHERE pubname = 'faultwire')
		+ (SELECT count(*) FROM pg_roles WHERE rolname = $1)`, s.db.Name)
}

// masked hides what differs between machines and runs.
func (s *scene) masked(text string) string {
	text = strings.ReplaceAll(text, s.home, "HOME")
	text = strings.ReplaceAll(text, s.db.Name, "SLOT")
	for pattern, with := range map[string]string{
		`ok       postgres     [0-9.]+ as`: "ok       postgres     VERSION as", `[0-9.]+ [KMGT]?B\b`: "SIZE", `\d+ of \d+ (slots|senders)`: "N of M $1",
		`\d{4}-\d\d-\d\d \d\d:\d\d`: "NOW", `127\.0\.0\.1:\d+`: "ADDRESS", `after \d+m?s`: "after TIME",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return text
}

// TestCheck fixes what people see.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	llm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer llm.Close()
	if err := os.WriteFile(filepath.Join(s.home, "output"), nil, 0o600); err != nil { // where a folder should be
		t.Fatal(err)
	}
	s.environ = append(s.environ, "FAULTWIRE_LLM_URL="+llm.URL, "FAULTWIRE_LLM_MODEL=qwen3-30b", "FAULTWIRE_LLM_API_KEY=sk-secret")
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status, metadata) SELECT 'a' || i, '', now(), now(), 'success', '{}' FROM generate_series(1, 1234) i;
		CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert', publish_via_partition_root = true)`)
	before := tree(t, s.home)
	output := s.says(t, 1, "", "check")
	if diff := cmp.Diff(before, tree(t, s.home)); diff != "" {
		t.Errorf("it changed something:\n%s", diff)
	}
	if s.count(t, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", s.db.Name) != 0 || strings.Contains(output, "sk-secret") {
		t.Errorf("a slot was made, or the key printed:\n%s", output)
	}
	if s.db.Server.Major() == 14 {
		return // it has no filters, and is warned of
	}
	golden(t, "check", filepath.ToSlash(s.masked(output)))

	// The same as JSON.
	_, output = s.call(t, "", "check", "--json")
	var got struct {
		Checks  []doctor.Finding `json:"checks"`
		Summary string           `json:"summary"`
	}
	decoder := json.NewDecoder(strings.NewReader(output))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil || decoder.More() {
		t.Fatalf("%v in %s", err, output)
	}
	if doctor.Count(got.Checks, doctor.Failed) != 2 || !strings.Contains(got.Summary, "it will not run before output is mended") {
		t.Errorf("%s", output)
	}
}

// TestCheckWell: nothing to mend, and nothing made.
func TestCheckWell(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.says(t, 0, "", "setup")
	s.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status, metadata) VALUES ('a', '', now(), now(), 'failure', '{}')`)
	s.says(t, 0, "", "check", "1 request in 24 h, 1 of them failed", "it will run, by streaming, without LLM", "nobody follows it now")
	if left := tree(t, s.home); len(left) != 1 {
		t.Errorf("it left %q", left)
	}
	s.environ = append(s.environ, "FAULTWIRE_POSTGRES_URL="+s.db.Server.URL("nosuch"))
	s.says(t, 1, "", "check", "FAILED   postgres", "1 failed: it will not run before the database can be read")
}

// TestCheckReady asks a program that runs; no database is needed.
func TestCheckReady(t *testing.T) {
	t.Parallel()
	ready := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(ready)
			fmt.Fprintln(w, "reporter: standing still")
			return
		}
		fmt.Fprintln(w, "ok")
	}))
	address := strings.TrimPrefix(server.URL, "http://")
	s := &scene{environ: []string{"HOME=" + t.TempDir(), "FAULTWIRE_HTTP_ADDR=" + address}}
	s.says(t, 0, "", "check --ready", "ready\n")
	ready = http.StatusServiceUnavailable
	s.says(t, 1, "", "check --ready", "not ready: reporter: standing still")
	server.Close()
	s.says(t, 1, "", "check --ready", address, "is the program running")
}

// TestSetupRole makes the role, hands its URL over once, and lets it check and
// follow with that.
func TestSetupRole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	setup := "setup --admin-url " + s.db.URL + " --role " + s.db.Name
	t.Cleanup(func() { s.exec(t, "DROP OWNED BY %s; DROP ROLE %[1]s", s.db.Name) })
	// A password that would end in a log is not made.
	s.says(t, 2, "", setup, "--save", "no terminal")
	if n := s.traces(t); n != 0 {
		t.Fatalf("%d traces of what was refused", n)
	}
	file := filepath.Join(s.home, "role.url")
	output := s.says(t, 0, "", setup+" --save "+file, s.db.Name+", made now", `export FAULTWIRE_POSTGRES_URL="$(cat `+file+`)"`, "publication  faultwire, made now", "slot         "+s.db.Name+", made now")
	password := read(t, file)
	if strings.Contains(output, password) || strings.Contains(output, adminPassword(t, s)) {
		t.Errorf("a password is printed:\n%s", output)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// Again: nothing changes, and no file is written over.
	s.says(t, 0, "", setup, "its password is what it was", "slot         "+s.db.Name+", was there")
	s.says(t, 2, "", setup+" --role "+s.db.Name+"_2 --save "+file, "--save: "+file+" exists")
	// The role does what setup made it for.
	s.environ = append(s.environ, "FAULTWIRE_POSTGRES_URL="+strings.TrimSpace(read(t, file)))
	output = s.says(t, 0, "", "check", "it will run, by streaming", "as "+s.db.Name, "may read what faultwire needs")
	if strings.Contains(output, "warning  role") {
		t.Error(output)
	}
	// A new password, on a terminal: the old one is over.
	output = s.says(t, 0, "\n", setup+" --rotate", "it has a new password", "url          postgres://"+s.db.Name+":", "this is shown once")
	s.says(t, 1, "", "check", "FAILED   postgres", "does not let user")
	s.environ = append(s.environ, "FAULTWIRE_POSTGRES_URL="+regexp.MustCompile(`postgres://\S+`).FindString(output))
	s.says(t, 0, "", "check")
	s.says(t, 2, "", "setup --admin-url "+s.db.URL+" --role postgres --rotate --save "+file, "is a superuser")
	if left := tree(t, s.home); len(left) != 2 {
		t.Errorf("left over: %q", left)
	}
}

// TestSetupPrintedSQL runs what is printed, as psql would.
func TestSetupPrintedSQL(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	t.Cleanup(func() { s.exec(t, "DROP OWNED BY %s; DROP ROLE %[1]s", s.db.Name) })
	output := s.says(t, 0, "", "setup --print --role "+s.db.Name, `\password `+s.db.Name)
	for line := range strings.Lines(output) { // as psql does: a slot can't be made behind other statements of one transaction
		s.exec(t, "%s", line)
	}
	if n := s.traces(t); n != 3 {
		t.Errorf("%d traces", n)
	}
	s.says(t, 0, "", "setup", "faultwire, was there", s.db.Name+", was there")
	again := s.says(t, 0, "", "setup --print --role "+s.db.Name)
	if strings.Contains(again, "CREATE ROLE") {
		t.Errorf("a role that exists:\n%s", again)
	}
}

// TestTeardown removes every trace, once.
func TestTeardown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	all := "teardown --admin-url " + s.db.URL + " --role " + s.db.Name
	s.says(t, 0, "", all, "nothing of faultwire is left in postgres@127.0.0.1")
	s.says(t, 0, "", "setup --admin-url "+s.db.URL+" --role "+s.db.Name+" --save "+filepath.Join(s.home, "url"))
	s.says(t, 2, "", all, "--yes")
	s.says(t, 1, "no\n", all, "this removes:", "slot         "+s.db.Name+", which makes the server keep", "publication  faultwire", "role         "+s.db.Name, "Go on? [y/N]", "nothing was changed")
	if n := s.traces(t); n != 3 {
		t.Fatalf("%d traces before", n)
	}
	if err := os.Mkdir(filepath.Join(s.home, "output"), 0o700); err != nil {
		t.Fatal(err)
	}
	output := s.says(t, 0, "y\n", all, "slot         "+s.db.Name+", removed", "publication  faultwire, removed", "role         "+s.db.Name+", removed", "rm -r "+filepath.Join(s.home, "output"))
	if strings.Contains(output, adminPassword(t, s)) {
		t.Errorf("a password is printed:\n%s", output)
	}
	if n := s.traces(t); n != 0 {
		t.Errorf("%d traces after", n)
	}
	s.says(t, 0, "", all, "nothing of faultwire is left")
	// Without --admin-url the role stays; what is half gone is removed.
	s.says(t, 0, "", "setup")
	s.exec(t, "SELECT pg_drop_replication_slot('%s')", s.db.Name)
	s.says(t, 0, "", "teardown --yes", "slot         "+s.db.Name+", nothing to remove", "publication  faultwire, removed")
}

// TestTeardownFollowed: whoever follows is named, and ended when asked for.
func TestTeardownFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.says(t, 0, "", "setup")
	conn := s.follow(t)
	s.says(t, 1, "", "teardown --yes", "slot         "+s.db.Name+", still there", fmt.Sprintf("process %d of the database", conn), `program "faultwire"`, "from 127.0.0.1", "--force")
	if n := s.traces(t); n != 2 {
		t.Fatalf("%d traces", n)
	}
	s.says(t, 0, "", "teardown --yes --force", fmt.Sprintf("ended        process %d", conn), "stop that program", "slot         "+s.db.Name+", removed")
	if n := s.traces(t); n != 0 {
		t.Errorf("%d traces after", n)
	}
}

// TestTeardownForeign: a slot of our name that isn't ours stays, with all else.
func TestTeardownForeign(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.exec(t, "SELECT pg_create_logical_replication_slot('%s', 'test_decoding'); CREATE PUBLICATION faultwire", s.db.Name)
	s.says(t, 2, "", "teardown --yes --force", "has the plugin test_decoding, so it is none of faultwire's", "FAULTWIRE_INGEST_SLOT")
	if n := s.traces(t); n != 2 {
		t.Errorf("%d traces", n)
	}
}

// follow follows the slot as faultwire does, and returns the walsender's pid.
func (s *scene) follow(t *testing.T) (pid uint32) {
	t.Helper()
	u, err := url.Parse(s.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("replication", "database")
	query.Set("application_name", "faultwire")
	u.RawQuery = query.Encode()
	conn, err := pgconn.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	start := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names 'faultwire')", s.db.Name)
	conn.Frontend().SendQuery(&pgproto3.Query{String: start})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReceiveMessage(t.Context()); err != nil { // CopyBoth: it follows
		t.Fatal(err)
	}
	return conn.PID()
}

func adminPassword(t *testing.T, s *scene) string {
	t.Helper()
	u, err := url.Parse(s.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return password
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree lists a folder.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, file), got); diff != "" {
		t.Errorf("what people see changed (-golden +now):\n%s", diff)
	}
}
