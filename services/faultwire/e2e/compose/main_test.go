// Package compose tests what deploys Faultwire: the compose file with its image,
// the rules of Prometheus, and the page that explains the metrics.
package compose

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// root is the top folder of the project, absolute.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// file reads a file of the project.
func file(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
