package command_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/faultwire/internal/command"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// call runs a command line.
func call(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	environ = append([]string{"HOME=" + t.TempDir(), "FAULTWIRE_OUTPUT_DIR=" + filepath.Join(t.TempDir(), "output")}, environ...)
	code = command.Main(t.Context(), command.Process{Version: "1.2.3", Args: args, Environ: environ, Stdout: &out, Stderr: &err})
	return code, out.String(), err.String()
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call(t, nil, "version")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{"faultwire 1.2.3\n", "commit ", "go        go1.", "platform "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
}

// TestHelp: every command has an example and the flags that all take.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--help"}, {"run", "--help"}, {"setup", "-h"}, {"check", "--help"}, {"teardown", "--help"}, {"replay", "--help"}, {"demo", "--help"}, {"version", "--help"}, {"help", "run"}} {
		code, stdout, stderr := call(t, nil, args...)
		if code != 0 || stderr != "" {
			t.Errorf("%q: exit code %d, %s", args, code, stderr)
		}
		for _, want := range []string{"Examples:\n  ", "--config", "--output-dir", "--postgres-url", "--container", "--verbose"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: the output lacks %q:\n%s", args, want, stdout)
			}
		}
	}
}

// TestWrongUse: exit code 2, and one line that says what to do.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	database := "DATABASE_URL=postgres://u:secret@127.0.0.1:1/litellm"
	for line, test := range map[string]struct {
		environ []string
		want    []string
	}{
		"rum":                         {want: []string{`"rum" is no command`, "did you mean run?"}},
		"reset":                       {want: []string{`"reset" is no command`, "faultwire --help"}},
		"teardown":                    {want: []string{"postgres.url", "DATABASE_URL"}},
		"check":                       {want: []string{"postgres.url", "DATABASE_URL"}},
		"check --json --ready":        {want: []string{"--json", "--ready"}},
		"setup --admin-url mysql":     {want: []string{"--admin-url: postgres.url"}},
		"version now":                 {want: []string{`"now"`, "faultwire version --help"}},
		"replay --modell x":           {want: []string{"--modell", "faultwire replay --help"}},
		"replay --limit many":         {want: []string{"--limit", "many"}},
		"replay --start yesterday":    {environ: []string{database}, want: []string{"--start: replay.start", "yesterday"}},
		"replay":                      {want: []string{"postgres.url", "DATABASE_URL"}},
		"replay --limit -1":           {environ: []string{database}, want: []string{"--limit: replay.limit"}},
		"setup --config /nowhere":     {environ: []string{database}, want: []string{"--config", "/nowhere"}},
		"demo --config faultwire.yml": {want: []string{"demo reads no settings"}},
		"demo --postgres-url x":       {want: []string{"demo reads no settings"}},
		"demo --container x":          {want: []string{"demo reads no settings"}},
		"run --container a/b":         {want: []string{`--container: postgres.container: found "a/b"`, "docker ps"}},
		"setup --postgres-url mysql":  {want: []string{"--postgres-url: postgres.url"}},
	} {
		code, stdout, stderr := call(t, test.environ, strings.Fields(line)...)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q lacks %q", line, stderr, want)
			}
		}
	}
}

// TestVerbose shows the chain of causes.
func TestVerbose(t *testing.T) {
	t.Parallel()
	code, _, stderr := call(t, nil, "replay", "--verbose", "--config", "/nowhere/faultwire.yaml")
	if code != 2 || !strings.Contains(stderr, "\n  because: ") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestSetupPrint prints statements for psql also when nothing answers, and then
// says why they are general ones.
func TestSetupPrint(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call(t, []string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/litellm", "FAULTWIRE_INGEST_SLOT=my_slot"}, "setup", "--print")
	if code != 0 || !strings.Contains(stderr, "127.0.0.1:1") || strings.Contains(stderr+stdout, "secret") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, want := range []string{"-- For PostgreSQL 15", "CREATE ROLE \"faultwire\" LOGIN REPLICATION CONNECTION LIMIT", "GRANT SELECT ON \"public\".\"LiteLLM_SpendLogs\" TO \"faultwire\";", "CREATE PUBLICATION \"faultwire\"", "pg_create_logical_replication_slot('my_slot'"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
}
