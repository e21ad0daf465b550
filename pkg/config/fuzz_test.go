package config_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/config"
)

// mark begins and ends every secret of these tests; nothing else here has it.
const mark = "S3CR3T"

// A URL with any text as its password is read or refused, and neither a fault nor
// a warning shows the password.
func FuzzPostgresURL(f *testing.F) {
	for _, s := range []string{"", "@", "/", "?", "#", "%", "%41", ":", "p@h/d?sslx=1&", "@h/d?host=a&", "\x00", "'", "\\", "[", ",", "@h:1,", "?sslmode="} {
		f.Add(s)
	}
	empty := f.TempDir()
	f.Fuzz(func(t *testing.T, inner string) {
		url := "postgres://user:" + mark + inner + mark + "@host/db"
		s, err := config.Load(config.Options{Dir: empty, Environ: []string{"HOME=/", "DATABASE_URL=" + url}, Needs: config.NeedPostgres})
		if err != nil {
			if strings.Contains(err.Error(), mark) {
				t.Errorf("the fault shows the password: %v", err)
			}
			return
		}
		if warnings := strings.Join(s.Warnings, "\n"); strings.Contains(warnings, mark) {
			t.Errorf("a warning shows the password: %s", warnings)
		}
		text, err := s.Postgres.ConnString()
		if err != nil {
			t.Fatalf("Load takes what ConnString refuses: %v", err)
		}
		if c, err := pgconn.ParseConfig(text); err == nil && c.User != "user" {
			t.Errorf("the user is %q", c.User)
		}
	})
}

// Any bytes as a file are read or refused, with faults of one line each that show
// no value of a secret.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		"", "analyzer: {window: 5m}", "a: &a [*a]", "llm: &x {timeout: 5}\nreport: *x\n", "? [a]\n: b", "postgres: {password: !!binary aGk=}",
		"%YAML 9.9\n---\n", "\xff\xfe\x00", "a: |\n  b\n c", "<<: {llm: {}}", "nats: {max_bytes: 1e999}", "replay: {start: 0000-00-00}", "- - - -", "{{{{", "a:\n\t- b",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := string(data) + "\npostgres:\n  password: " + mark + "\nllm:\n  api_key: '" + mark + "'\n"
		s, err := config.Load(config.Options{Dir: write(t, "faultwire.yaml", text), Environ: []string{"HOME=/"}})
		switch {
		case err == nil && s == nil:
			t.Fatal("neither settings nor a fault")
		case err == nil:
			if err := s.Validate(); err != nil {
				t.Errorf("Load takes what Validate refuses: %v", err)
			}
		case strings.Contains(err.Error(), mark):
			t.Errorf("a fault shows a secret: %v", err)
		case strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' }):
			t.Errorf("a fault holds control characters: %q", err)
		}
	})
}
