package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
)

// temp is a TMPDIR that other users may pass through: as root the demo's PostgreSQL
// runs under another one.
func temp(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil { //nolint:gosec // see above
			t.Fatal(err)
		}
	}
	return dir
}

// leftIn fails the test when there are files or processes left of a demo. (A demo
// names its TMPDIR in the arguments of its PostgreSQL.)
func leftIn(t testing.TB, dir string) {
	t.Helper()
	testkit.Eventually(t, stopTimeout, "no process of the demo is left", func() bool { return len(processes(t, dir)) == 0 })
	if left := processes(t, dir); len(left) > 0 {
		t.Errorf("processes left: %q", left)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("left behind: %s", filepath.Join(dir, entry.Name()))
	}
}

// processes are the command lines that hold text, where /proc tells them.
func processes(t testing.TB, text string) (lines []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), text) { // else it has ended
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}

// TestDemo: the demo ends by itself with a full set of four files, which hold the
// failed rows of the sample, and leaves nothing else behind. It reads no settings.
func TestDemo(t *testing.T) {
	t.Parallel()
	tmp, output := temp(t), filepath.Join(t.TempDir(), "output")
	env := []string{"TMPDIR=" + tmp, "FAULTWIRE_OUTPUT_DIR=/dev/null", "FAULTWIRE_ANALYZER_WINDOW=nonsense", "DATABASE_URL=nonsense", "FAULTWIRE_CONFIG=/dev/null/none"}
	code, stdout, stderr := run(t, patience, "faultwire", env, "demo", "--once", "--output-dir", output)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	rows, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, row := range rows {
		if row.Failed() {
			want = append(want, row.RequestID)
		}
	}
	slices.Sort(want)
	s := &scene{t: t, output: output}
	s.compare(want)
	for _, set := range sets(t, output) {
		if set.Run != event.RunLive {
			continue
		}
		if len(set.Files) != 4 || !strings.Contains(stdout, set.Files[3]) {
			t.Errorf("files %q are not all there, or not named", set.Files)
		}
		if text := set.text(t); !strings.Contains(text, "hypothesis ("+standin.Model) || strings.Contains(text, "explanation pending") {
			t.Errorf("not every kind is explained:\n%.3000s", text)
		}
	}
	for _, text := range []string{"PostgreSQL", "/metrics", "what stays", output} {
		if !strings.Contains(stdout, text) {
			t.Errorf("the output lacks %q:\n%s", text, stdout)
		}
	}
	leftIn(t, tmp)
}

// TestDemoInterrupted: whenever a signal comes, nothing is left.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after  string // what it says before the signal
		signal syscall.Signal
		args   []string
		code   int
	}{
		"while it makes the database": {after: "starting PostgreSQL", signal: syscall.SIGINT, args: []string{"--once"}, code: 1},
		"before the pipeline":         {after: `(?m)^litellm`, signal: syscall.SIGTERM},
		"in the traffic":              {after: `[1-9]\d* failed\n`, signal: syscall.SIGINT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := temp(t)
			p := start(t, "faultwire", []string{"TMPDIR=" + tmp}, append([]string{"demo", "--output-dir", filepath.Join(t.TempDir(), "output")}, test.args...)...)
			p.expect(patience, test.after)
			if code := p.stop(test.signal); code != test.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, test.code, p.stdout.String(), p.stderr.String())
			}
			leftIn(t, tmp)
		})
	}
}
