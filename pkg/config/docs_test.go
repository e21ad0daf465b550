package config_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/faultwire/faultwire/pkg/config"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const (
	examples = "../../deploy/examples"
	settings = "../../docs/settings.md"
)

// Whatever is shipped as an example loads.
func TestExamplesLoad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d examples in %s: %v", len(files), examples, err)
	}
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := config.Load(config.Options{File: abs, Dir: t.TempDir(), Environ: []string{"HOME=/home/op", "TZ=UTC"}}); err != nil {
			t.Errorf("%s: %v", file, err)
		} else if len(s.Warnings) > 0 {
			t.Errorf("%s: %v", file, s.Warnings)
		}
	}
}

// What a commented setting of an example would do is checked too.
func TestMinimalExampleUncommented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(examples, "minimal.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\n#llm", "\nllm"), "\n#  ", "\n  ")
	_, err = load(t, text)
	const want = "api_key_file: /run/secrets/litellm_key: no such file or directory"
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
		t.Errorf("the missing key alone should be wrong, got %v", err)
	}
}

// The full example names every setting, and changes none.
func TestFullExampleIsDefaults(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(examples, "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var sections map[string]map[string]any
	if err := yaml.Unmarshal(data, &sections); err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, s := range config.Describe() {
		section, key, _ := strings.Cut(s.Path, ".")
		if _, there := sections[section][key]; !there {
			t.Errorf("full.yaml lacks %s", s.Path)
		}
		described++
	}
	written := 0
	for _, keys := range sections {
		written += len(keys)
	}
	if written != described {
		t.Errorf("full.yaml has %d settings, there are %d", written, described)
	}
	dir := write(t, "faultwire.yaml", string(data))
	o := config.Options{Dir: dir, Environ: []string{"HOME=/home/op", "TZ=Asia/Shanghai"}}
	full, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "faultwire.yaml")); err != nil {
		t.Fatal(err)
	}
	none, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(none, full); diff != "" {
		t.Errorf("full.yaml changes a default: %s", diff)
	}
}

// docs/settings.md is what Describe says; go test -run Docs -update writes it.
func TestDocs(t *testing.T) {
	t.Parallel()
	want := page(config.Describe())
	if *update {
		if err := os.WriteFile(settings, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/settings.md is not what the loader knows, run go test ./pkg/config -run Docs -update: %s", diff)
	}
}

func page(all []config.Setting) string {
	var b strings.Builder
	b.WriteString(`# Settings

One YAML file: ` + "`--config`, else `FAULTWIRE_CONFIG`, else `./faultwire.yaml`" + ` if it exists. Precedence: flag, then environment, then
` + "`DATABASE_URL` (for `postgres.url` alone)" + `, then file, then default. An empty environment variable and a key without a value count
as not set. Anything unknown or wrong is reported, all at once, with the line or the variable it came from and the remedy
(exit code 2). Examples: [minimal](../deploy/examples/minimal.yaml), [full](../deploy/examples/full.yaml).

A URL takes the place of all parts of a connection (` + "`host`, `port`, `user`, `password`, `database`" + `) that a lower source sets; parts of
the same or a higher source complete or correct it. Between a URL or a host and ` + "`postgres.container`" + ` the higher source wins; in one source
the host is as seen from inside the container. Passwords and keys are never printed.

This page is written by ` + "`go test ./pkg/config -run Docs -update`.\n")
	section := ""
	for _, s := range all {
		if own, _, _ := strings.Cut(s.Path, "."); own != section {
			section = own
			fmt.Fprintf(&b, "\n## %s\n\n| setting | default | type | environment | meaning |\n|---|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s |\n", s.Path, cmp.Or(s.Default, "none"), s.Type, s.Env, strings.ReplaceAll(s.Help, "|", `\|`))
	}
	return b.String()
}
