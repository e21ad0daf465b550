package testkit

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/faultwire/faultwire/pkg/sample"
)

const defaultVersion = sample.Version

//go:embed testdata
var testdata embed.FS

var errNoVersion = errors.New("no rows of this LiteLLM release")

// Versions are the LiteLLM releases whose rows and schemas there are, oldest
// first.
func Versions() []string { return []string{"1.67.2", "1.80.10", "1.83.14", "1.106.0"} }

// Schema is the SQL of a release's tables.
func Schema(version string) (string, error) {
	if version == sample.Version {
		return sample.Schema(), nil
	}
	b, err := testdata.ReadFile("testdata/" + version + ".schema.sql")
	if err != nil {
		return "", fmt.Errorf("%s: %w", version, errNoVersion)
	}
	return string(b), nil
}

// Rows returns real rows of a release, oldest first: all 570 to 760 of them
// where ../shared/litellm lies beside the repository, else (except 1.80.10,
// which is in pkg/sample) a choice with every kind of failure. Tests must hold
// for both.
func Rows(t testing.TB, version string) []sample.Row {
	t.Helper()
	if version == sample.Version {
		rows, err := sample.Rows()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows, err := sample.ReadRows(bytes.NewReader(data(t, version, "rows")))
	if err != nil {
		t.Fatalf("rows of LiteLLM %s: %v", version, err)
	}
	return rows
}

// Tokens returns the keys that a release's rows were made with.
func Tokens(t testing.TB, version string) []sample.Token {
	t.Helper()
	if version == sample.Version {
		tokens, err := sample.Tokens()
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	tokens, err := sample.ReadTokens(bytes.NewReader(data(t, version, "tokens")))
	if err != nil {
		t.Fatalf("tokens of LiteLLM %s: %v", version, err)
	}
	return tokens
}

// data is the gzipped file of a release, "rows" or "tokens".
func data(t testing.TB, version, what string) []byte {
	t.Helper()
	if !slices.Contains(Versions(), version) {
		t.Fatalf("%s: %v", version, errNoVersion)
	}
	shared := version + ".jsonl.gz"
	if what == "tokens" {
		shared = version + ".tokens.jsonl.gz"
	}
	if root, err := moduleRoot(); err == nil {
		b, err := os.ReadFile(filepath.Join(root, "..", "shared", "litellm", "rows", shared))
		if err == nil {
			return b
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b, err := testdata.ReadFile("testdata/" + version + "." + what + ".jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// moduleRoot finds the folder of go.work, the root of the repository, above the
// test's own.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fs.ErrNotExist
		}
		dir = parent
	}
}
