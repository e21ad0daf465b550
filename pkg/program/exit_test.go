package program

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	failure := errors.New("x")
	for want, errs := range map[int][]error{
		ExitOK:     {nil, Usage(nil), Exit(3, nil)},
		ExitFailed: {failure, fmt.Errorf("y: %w", failure), errors.Join(failure, failure)},
		ExitUsage:  {Usage(failure), fmt.Errorf("y: %w", Usage(failure)), config.Faults{{Message: "x"}}, fmt.Errorf("y: %w", config.Faults{{Message: "x"}})},
		3:          {Exit(3, failure), errors.Join(Exit(3, failure))},
	} {
		for _, err := range errs {
			if got := ExitCode(err); got != want {
				t.Errorf("%v: got %d, want %d", err, got, want)
			}
		}
	}
	if err := Usage(failure); !errors.Is(err, failure) || err.Error() != "x" {
		t.Errorf("Usage changes the error: %v", err)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	missing := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}
	faults := config.Faults{{Origin: "a.yaml:1", Path: "p.q", Message: "wrong"}, {Path: "r.s", Message: "gone", Err: missing}}
	for _, c := range []struct {
		name    string
		err     error
		verbose bool
		want    string
	}{
		{"one", errors.New("output.dir: ./output: permission denied"), false, "output.dir: ./output: permission denied\n"},
		{"faults", faults, false, "a.yaml:1: p.q: wrong\nr.s: gone\n"},
		{"marked and joined", Usage(errors.Join(Usage(errors.New("a")), faults)), false, "a\na.yaml:1: p.q: wrong\nr.s: gone\n"},
		{"wrapped faults stay one line", fmt.Errorf("load: %w", faults), false, "load: a.yaml:1: p.q: wrong; r.s: gone\n"},
		{"two causes", fmt.Errorf("%w: %w", errors.New("a"), errors.New("b")), false, "a: b\n"},
		{"hostile", fmt.Errorf("server says %s", "\x1b[31m\u202ehi\x00\tthere\r\n"), false, "server says \\u001b[31m\\u202ehi\\u0000\\u0009there\n"},
		{
			"verbose", Usage(faults), true,
			"a.yaml:1: p.q: wrong\nr.s: gone\n  because: open /x: file does not exist (*fs.PathError)\n    because: file does not exist (*errors.errorString)\n",
		},
		{
			"verbose with two causes", fmt.Errorf("%w: %w", errors.New("a"), errors.New("b")), true,
			"a: b\n  because: a (*errors.errorString)\n  because: b (*errors.errorString)\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			Report(&out, c.err, c.verbose)
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, []byte("postgres: {url: 'postgres://a:b@c/d'}\nlog: {format: json}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var f Flags
	set := flag.NewFlagSet("x", flag.ContinueOnError)
	f.Register(set)
	if err := set.Parse([]string{"--config", file, "--output-dir", "/data/x", "--postgres-url=postgres://u:p@h/d", "--verbose"}); err != nil {
		t.Fatal(err)
	}
	s, err := f.Load([]string{"HOME=/", "DATABASE_URL=postgres://e:e@e/e"}, config.NeedPostgres, config.Flag{Name: "--limit", Path: "replay.limit", Value: "5"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Output.Dir != "/data/x" || s.Postgres.Target() != "u@h/d" || s.Replay.Limit != 5 || s.Log.Format != "json" {
		t.Errorf("%+v", s)
	}
	if _, err := f.Load([]string{"HOME=/"}, 0, config.Flag{Name: "--limit", Path: "replay.limit", Value: "x"}); err == nil || !strings.HasPrefix(err.Error(), "--limit: replay.limit: ") {
		t.Errorf("got %v", err)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := Logger(&out, config.Log{Level: "warn", Format: "json"}, false)
	log.Info("hidden")
	Warn(log, &config.Settings{Warnings: []string{"DATABASE_URL: foo is not used"}})
	if text := out.String(); strings.Contains(text, "hidden") || !strings.Contains(text, `"note":"DATABASE_URL: foo is not used"`) {
		t.Error(text)
	}
	if !Logger(&out, config.Log{Level: "warn"}, true).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("verbose shows everything")
	}
}
