// Package e2e tests the programs as people run them: real binaries, real signals,
// a real PostgreSQL.
package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// programs are built once for all tests.
var programs = struct {
	sync.Mutex
	dir   string
	built map[string]error
}{built: map[string]error{}}

// atOnce is how many tests run at once unless -parallel says more: they mostly wait
// for the ends of periods.
const atOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == p.DefValue && runtime.GOMAXPROCS(0) < 4 {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			panic(err)
		}
	}
	testkit.Main(m, func() error { return os.RemoveAll(programs.dir) })
}

// program builds a program of this workspace, with the race detector where this
// test has it, and returns its path.
func program(t testing.TB, name string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "faultwire-e2e-") //nolint:usetesting // it outlives the test that is the first
		if err != nil {
			t.Fatal(err)
		}
		programs.dir = dir
	}
	path := filepath.Join(programs.dir, name)
	err, done := programs.built[name]
	if !done {
		err = build(t, name, path)
		programs.built[name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(t testing.TB, name, path string) error {
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "../../"+name+"/cmd/"+name)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("go %s\n%s", strings.Join(cmd.Args, " "), out)
	}
	return err
}
