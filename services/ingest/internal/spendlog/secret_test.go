package spendlog_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// A secret leaves by no field of a failure, wherever in the row it stood: not by the
// row, the entry of the log, a label, nor in pieces by the template or the title.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	o := spendlog.Options{Redactor: redact.New(redact.Options{}), KeepPrompts: true}
	for name, secret := range map[string]string{
		"LiteLLM":    "sk-f85df9789131e72ebf8ac7",
		"OpenAI":     "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
		"Anthropic":  "sk-ant-api03-AbCdEfGhIjKlMnOp_qRsTuV-WxYz0123",
		"Google":     "AIzaSyA1234567890abcdefghijklmnopqrstuv",
		"Databricks": "dapi0123456789abcdef0123456789abcdef",
		"Zhipu":      "0a1b2c3d4e5f60718293a4b5c6d7e8f9.AbCdEfGhIjKlMn01",
		"JWT":        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"Slack":      "xoxp-1-Mi0yLTEyMzQ1Njc4OTAxLTM0NTY3",
		"AWS":        "ASIAIOSFODNN7EXAMPLE",
	} {
		for place, values := range map[string]map[string]string{
			"message":   {"metadata": metadataOf(t, "litellm.AuthenticationError: Error code: 401 - {'error': {'message': 'the provider said "+secret+" is expired'}}", "")},
			"traceback": {"metadata": metadataOf(t, "", "  File \"/opt/x.py\", line 1, in f\n    raise E('no "+secret+"')\nE: no "+secret)},
			"bytes":     {"metadata": metadataOf(t, "GeminiException - b'{\\n \"error\": \"bad "+secret+"\"}'", "")},
			"header":    {"proxy_server_request": `{"secret_fields": {"raw_headers": {"host": "h", "authorization": "Bearer ` + secret + `"}}}`},
			"escaped":   {"metadata": metadataOf(t, `{\"previous_models\": [{\"raw_headers\": {\"x-api-key\": \"`+secret+`\"}}]}`, "")},
			"nested":    {"metadata": `{"previous_models": [{"proxy_server_request": {"headers": {"x-api-key": "` + secret + `"}}, "exception_string": "no ` + secret + `"}]}`},
			"key":       {"api_key": secret},
			"model":     {"model": secret, "model_group": secret},
			"user":      {"end_user": secret, "request_tags": `["` + secret + `"]`},
			"id":        {"request_id": secret},
		} {
			f := failure(t, o, values)
			encoded, err := event.Encode(f)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(encoded, []byte("[redacted:")) {
				t.Errorf("%s in %s: no marker in %s", name, place, encoded)
			}
			for i := 0; i+8 <= len(secret); i++ {
				if piece := secret[i : i+8]; piece != "sk-ant-a" && bytes.Contains(encoded, []byte(piece)) {
					t.Errorf("%s in %s: %s is in %s", name, place, piece, encoded)
					break
				}
			}
		}
	}
}

func metadataOf(t *testing.T, message, traceback string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"error_information": map[string]any{"error_class": "BadRequestError", "error_message": message, "traceback": traceback}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The kind does not depend on redaction, although its template is of the clean text.
func TestKindOfToken(t *testing.T) {
	t.Parallel()
	const message = "the upstream refused eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N as expired"
	values := map[string]string{"metadata": metadataOf(t, message, "")}
	on, off := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{})}, values), failure(t, spendlog.Options{}, values)
	if on.Fingerprint != off.Fingerprint || on.Class != off.Class || on.Check != off.Check {
		t.Errorf("kinds %s %s and %s %s", on.Fingerprint, on.Class, off.Fingerprint, off.Class)
	}
	if want := "the upstream refused <key> as expired"; on.Template != want || !strings.Contains(on.Title, want) {
		t.Errorf("template %q, title %q, want %q", on.Template, on.Title, want)
	}
}
