package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestSettingsNeverPrintSecrets(t *testing.T) {
	t.Parallel()
	s, err := load(t, `
postgres: {url: 'postgres://u:hunter2@h/d?sslmode=require', password: hunter2}
nats: {url: 'nats://u:hunter2@h:4222'}
llm: {url: 'http://h/v1', model: m, api_key: hunter2}
`)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%-5v"} {
		fmt.Fprintf(&out, verb+"\n", *s)
		fmt.Fprintf(&out, verb+"\n", s.Postgres.Password)
		fmt.Fprintf(&out, verb+"\n", []any{s.LLM.APIKey, &s.NATS.URL, map[config.Secret]config.URL{s.LLM.APIKey: s.Postgres.URL}})
	}
	fmt.Fprintln(&out, s.LLM, s.NATS.URL.String(), s.LLM.APIKey.String())
	asJSON, err := json.Marshal(map[string]any{"all": s, "list": []config.Secret{s.LLM.APIKey}})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	out.Write(asYAML)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("settings", "all", *s, "password", s.Postgres.Password, "url", s.Postgres.URL, "section", s.LLM)
	}
	text := out.String()
	if strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", "hunter2")) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "hunter2") || strings.Contains(strings.ToLower(line), fmt.Sprintf("%x", "hunter2")) {
				t.Errorf("a secret is printed: %s", line)
			}
		}
	}
	if !strings.Contains(text, "***") || !strings.Contains(text, "postgres://***@h/d") || !strings.Contains(text, "nats://***@h:4222") {
		t.Errorf("what is masked isn't shown as such:\n%s", text)
	}
	if s.Postgres.Password.Reveal() != "hunter2" || config.Secret("").String() != "" {
		t.Error("Reveal, or the empty secret")
	}
}

func TestURLMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"h:4222":                               "h:4222",
		"nats://h:4222":                        "nats://h:4222",
		"nats://token@h":                       "nats://***@h",
		"postgres://u:p@s:s@h/d?password=x":    "postgres://***@h/d",
		"postgres://h/d?user=u&password=x":     "postgres://h/d",
		"postgres://u:x?y@h/d":                 "postgres://***",
		"postgres://u:p@h/d?application=x@pwd": "postgres://***",
		"secret://u:p@h":                       "***@h",
		"nats://u:p,w@a,nats://u:p@b":          "nats://***@b",
	} {
		if got := config.URL(in).String(); got != want {
			t.Errorf("%q prints as %q, want %q", in, got, want)
		}
	}
}
