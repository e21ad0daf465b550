package config_test

import (
	"os"
	"path/filepath"
	"testing"
	_ "time/tzdata" // zones on machines without a zone database

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write puts a file into a new folder and returns the folder.
func write(t testing.TB, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// load reads a faultwire.yaml of this text and the environment, which always has
// a home.
func load(t testing.TB, yaml string, environ ...string) (*config.Settings, error) {
	t.Helper()
	return config.Load(config.Options{Dir: write(t, "faultwire.yaml", yaml), Environ: append(environ, "HOME=/home/op", "TZ=UTC")})
}
