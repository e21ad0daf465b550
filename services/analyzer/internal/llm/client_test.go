package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
)

const key = "sk-4dZc0Kq2vXnS8TtPq7yW" // of nobody

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://localhost:4000":                                 "http://localhost:4000/v1/",
		"http://localhost:4000/":                                "http://localhost:4000/v1/",
		"http://localhost:4000/v1":                              "http://localhost:4000/v1/",
		"http://localhost:4000/v1/":                             "http://localhost:4000/v1/",
		"http://localhost:4000/v1//":                            "http://localhost:4000/v1/",
		"http://localhost:4000/v1/chat/completions":             "http://localhost:4000/v1/",
		"http://localhost:4000/v1/chat/completions/":            "http://localhost:4000/v1/",
		"http://localhost:4000/chat/completions":                "http://localhost:4000/v1/",
		"https://api.deepseek.com":                              "https://api.deepseek.com/v1/",
		"https://dashscope.aliyuncs.com/compatible-mode/v1":     "https://dashscope.aliyuncs.com/compatible-mode/v1/",
		"https://open.bigmodel.cn/api/paas/v4/chat/completions": "https://open.bigmodel.cn/api/paas/v4/",
		"http://gateway/team%2Fa/v1":                            "http://gateway/team%2Fa/v1/",
		"http://gateway/v1?key=secret#top":                      "http://gateway/v1/",
		"http://[::1]:8000":                                     "http://[::1]:8000/v1/",
	} {
		if got := llm.BaseURL(in); got != want {
			t.Errorf("BaseURL(%q) = %q, want %q", in, got, want)
		}
	}
}

// serve runs an endpoint until the test ends, and returns a client for it.
func serve(t *testing.T, timeout time.Duration, handler http.HandlerFunc) (*llm.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client(t, config.LLM{URL: server.URL, APIKey: key, Model: "qwen3-30b", Timeout: timeout}), server
}

func client(t *testing.T, c config.LLM) *llm.Client {
	t.Helper()
	made := llm.New(c)
	t.Cleanup(made.Close)
	return made
}

func answer(w http.ResponseWriter, content string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "qwen3-30b-a3b",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": content}}},
		"usage":   map[string]any{"prompt_tokens": 812, "completion_tokens": 90, "total_tokens": 902},
	})
}

func TestAsk(t *testing.T) {
	t.Parallel()
	type request struct {
		Model    string           `json:"model"`
		User     string           `json:"user"`
		Messages []map[string]any `json:"messages"`
		Tools    []any            `json:"tools"`
	}
	got := make(chan request, 1)
	c, _ := serve(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		var in request
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		got <- in
		answer(w, "<think>well</think>{\"hypothesis\": \"H.\", \"advice\": \"A.\"}")
	})
	reply, err := c.Ask(t.Context(), "faultwire-tag", "be short", `{"class":"quota"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := llm.Reply{Answer: llm.Answer{Hypothesis: "H.", Advice: "A."}, Model: "qwen3-30b-a3b", Usage: llm.Usage{Input: 812, Output: 90}}
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Error(diff)
	}
	wantRequest := request{Model: "qwen3-30b", User: "faultwire-tag", Messages: []map[string]any{
		{"role": "system", "content": "be short"}, {"role": "user", "content": `{"class":"quota"}`},
	}}
	if diff := cmp.Diff(wantRequest, <-got); diff != "" {
		t.Error(diff)
	}
}

// A key of the environment is somebody else's, and an empty one is none.
func TestNoKey(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-of-another-program")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if values, there := r.Header["Authorization"]; there {
			t.Errorf("Authorization: %q", values)
		}
		answer(w, `{"hypothesis": "H."}`)
	}))
	defer server.Close()
	if _, err := client(t, config.LLM{URL: server.URL, Model: "m", Timeout: time.Minute}).Ask(t.Context(), "u", "s", "m"); err != nil {
		t.Error(err)
	}
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    llm.CallError
	}{
		"401": {
			status(401, `{"error": {"message": "Incorrect API key provided: `+key+`", "type": "auth_error", "param": "None", "code": "401"}}`),
			llm.CallError{Outcome: "http_401", Endpoint: true, Why: "llm.url URL/v1: 401 Unauthorized: set llm.api_key (FAULTWIRE_LLM_API_KEY) to a key that may call qwen3-30b"},
		},
		"404 of the model": {
			status(404, `{"error": {"message": "The model qwen3-30b does not exist"}}`),
			llm.CallError{Outcome: "http_404", Endpoint: true, Why: `llm.url URL/v1: 404 Not Found ("The model qwen3-30b does not exist"): is llm.model qwen3-30b served there, and llm.url the base of the API?`},
		},
		"400 with the key quoted": {
			status(400, `{"error": {"message": "Invalid model name passed in model=qwen3-30b by `+key+`", "code": "400"}}`),
			llm.CallError{Outcome: "http_400", Why: `llm.url URL/v1: 400 Bad Request ("Invalid model name passed in model=qwen3-30b by ***"): is llm.model qwen3-30b served there, and llm.url the base of the API?`},
		},
		"500": {
			status(500, `{"error": {"message": "upstream\u001b[31m is\nbroken"}}`),
			llm.CallError{Outcome: "http_500", Endpoint: true, Why: `llm.url URL/v1: 500 Internal Server Error ("upstream[31m is broken")`},
		},
		"502 in HTML": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(502)
				fmt.Fprint(w, "<html>nginx</html>")
			},
			llm.CallError{Outcome: "http_502", Endpoint: true, Why: "llm.url URL/v1: 502 Bad Gateway"},
		},
		"404 of FastAPI": {
			status(404, `{"detail": "Not Found"}`),
			llm.CallError{Outcome: "http_404", Endpoint: true, Why: `llm.url URL/v1: 404 Not Found ("Not Found"): is llm.model qwen3-30b served there, and llm.url the base of the API?`},
		},
		"a status nobody knows": {
			status(599, ``),
			llm.CallError{Outcome: "http_599", Endpoint: true, Why: "llm.url URL/v1: 599"},
		},
		"429 with Retry-After": {
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "17")
				status(429, `{"error": "slow down"}`)(w, r)
			},
			llm.CallError{Outcome: "http_429", Endpoint: true, RetryAfter: 17 * time.Second, Why: `llm.url URL/v1: 429 Too Many Requests ("slow down")`},
		},
		"429 for ever": {
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "2000000000")
				status(429, `{}`)(w, r)
			},
			llm.CallError{Outcome: "http_429", Endpoint: true, RetryAfter: 24 * time.Hour, Why: `llm.url URL/v1: 429 Too Many Requests`},
		},
		"nonsense": {
			func(w http.ResponseWriter, _ *http.Request) { answer(w, "I am a teapot, short and stout.") },
			llm.CallError{Outcome: "nonsense", Why: "llm.url URL/v1, llm.model qwen3-30b: the answer was no JSON object with hypothesis and advice"},
		},
		"no choice": {
			status(200, `{"choices": []}`),
			llm.CallError{Outcome: "nonsense", Why: "llm.url URL/v1, llm.model qwen3-30b: the answer was no JSON object with hypothesis and advice"},
		},
		"a web page": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprint(w, "<html>welcome</html>")
			},
			llm.CallError{Outcome: "nonsense", Endpoint: true, Why: "llm.url URL/v1, llm.model qwen3-30b: the response was no chat completion: is this the base URL of an OpenAI-compatible API (most end in /v1)?"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := serve(t, time.Minute, test.handler)
			_, err := c.Ask(t.Context(), "u", "s", "m")
			var got *llm.CallError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			test.want.Why = strings.Replace(test.want.Why, "URL", server.URL, 1)
			if got.Why != test.want.Why || got.Outcome != test.want.Outcome || got.RetryAfter != test.want.RetryAfter || got.Endpoint != test.want.Endpoint {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", got, got), key) {
				t.Error("the key is printed")
			}
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	})
	_, err := c.Ask(t.Context(), "u", "s", "m")
	var got *llm.CallError
	if !errors.As(err, &got) || got.RetryAfter < 58*time.Minute || got.RetryAfter > time.Hour {
		t.Errorf("got %+v", got)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := client(t, config.LLM{URL: server.URL, Model: "m", Timeout: time.Minute}).Ask(t.Context(), "u", "s", "m")
	var got *llm.CallError
	if !errors.As(err, &got) || got.Outcome != "unreachable" || !got.Endpoint || !strings.Contains(got.Why, "refused: is it right, and reachable from here?") {
		t.Errorf("got %v", err)
	}
}

// hang returns a handler that keeps every request until the test ends or the client
// goes away; before it does, it writes head.
func hang(t *testing.T, head string) (handler http.HandlerFunc, called <-chan struct{}) {
	over, calls := make(chan struct{}), make(chan struct{}, 10)
	t.Cleanup(func() { close(over) })
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server doesn't see the client go
		if head != "" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, head)
			_ = http.NewResponseController(w).Flush()
		}
		calls <- struct{}{}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}, calls
}

func TestHang(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"no answer": "", "half an answer": `{"choices": [`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, _ := hang(t, head)
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			c := client(t, config.LLM{URL: server.URL, Model: "m", Timeout: 300 * time.Millisecond})
			_, err := c.Ask(t.Context(), "u", "s", "m")
			var got *llm.CallError
			if !errors.As(err, &got) || got.Outcome != "timeout" || got.Why != "llm.url "+server.URL+"/v1: no answer within llm.timeout (300ms)" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHangEndsWithContext(t *testing.T) {
	t.Parallel()
	handler, called := hang(t, "")
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-called
		cancel()
	}()
	_, err := client(t, config.LLM{URL: server.URL, Model: "m", Timeout: time.Hour}).Ask(ctx, "u", "s", "m")
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*llm.CallError)) {
		t.Errorf("got %v", err)
	}
}

// An endpoint that never stops sending is cut off.
func TestEndlessResponse(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices": [{"message": {"content": "`)
		blank := []byte(strings.Repeat("x", 1<<16))
		for {
			if _, err := w.Write(blank); err != nil {
				return
			}
		}
	})
	_, err := c.Ask(t.Context(), "u", "s", "m")
	var got *llm.CallError
	if !errors.As(err, &got) || got.Outcome != "nonsense" {
		t.Errorf("got %v", err)
	}
}
