package llm_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	answer := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer "+key {
				t.Errorf("%s %s, Authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
			}
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		state   doctor.State
		text    string
		fix     string
	}{
		"served":       {answer(200, `{"object":"list","data":[{"id":"gpt-4o"},{"id":"qwen3-30b"}]}`), doctor.OK, "URL/v1 serves qwen3-30b, and answered after ", ""},
		"another":      {answer(200, `{"data":[{"id":"gpt-4o"},{"id":"b\u001b[31m"}]}`), doctor.Warning, "URL/v1 answers, but qwen3-30b is not among the 2 models that it lists", "set llm.model (FAULTWIRE_LLM_MODEL) to a model that this key may call, such as b[31m, gpt-4o"},
		"none":         {answer(200, `{"data":[]}`), doctor.Warning, "not among the 0 models", "set llm.model (FAULTWIRE_LLM_MODEL) to a model that this key may call"},
		"a web page":   {answer(200, `<html>Welcome</html>`), doctor.Failed, "not as an OpenAI-compatible API", "set llm.url"},
		"another JSON": {answer(200, `{"hello":"world"}`), doctor.Failed, "not as an OpenAI-compatible API", "set llm.url"},
		"key":          {answer(401, `{"error":{"message":"invalid key `+key+`"}}`), doctor.Failed, "URL/v1: 401 Unauthorized: it does not take this key", "set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call qwen3-30b"},
		"no list":      {answer(404, `{"detail":"Not Found"}`), doctor.Warning, "has no list of models (404 Not Found)", "most end in /v1"},
		"down":         {answer(503, `{"error":{"message":"no `+key+` today"}}`), doctor.Failed, `URL/v1: 503 Service Unavailable ("no *** today")`, "see to it there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := serve(t, time.Minute, test.handler)
			got := c.Check(t.Context())
			text := strings.ReplaceAll(got.Text, server.URL, "URL")
			if got.Name != "llm" || got.State != test.state || !strings.Contains(text, test.text) || !strings.Contains(got.Fix, test.fix) || test.fix == "" && got.Fix != "" || strings.Contains(text+got.Fix, key) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestCheckUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got := client(t, config.LLM{URL: server.URL, Model: "m", Timeout: time.Minute}).Check(t.Context())
	if got.State != doctor.Failed || !strings.Contains(got.Text, "connection refused") || !strings.Contains(got.Fix, "llm.url (FAULTWIRE_LLM_URL)") {
		t.Errorf("%+v", got)
	}
	release := make(chan struct{})
	c, _ := serve(t, 20*time.Millisecond, func(http.ResponseWriter, *http.Request) { <-release })
	got = c.Check(t.Context())
	close(release)
	if got.State != doctor.Failed || !strings.Contains(got.Text, "no answer within 20ms") {
		t.Errorf("%+v", got)
	}
}
