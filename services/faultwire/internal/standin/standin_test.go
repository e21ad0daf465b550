package standin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a stand-in until the test ends.
func start(t *testing.T) *standin.Server {
	t.Helper()
	server, err := standin.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("close after run: %v", err)
		}
	})
	return server
}

// ask sends a chat completion with these messages and returns status and body.
func ask(t *testing.T, server *standin.Server, messages ...map[string]string) (status int, body []byte) {
	t.Helper()
	request, err := json.Marshal(map[string]any{"model": "any", "messages": messages})
	if err != nil {
		t.Fatal(err)
	}
	return post(t, server, request)
}

func post(t *testing.T, server *standin.Server, request []byte) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/chat/completions", bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// content is the text of the one choice, which has to be a JSON object with
// hypothesis and advice.
func content(t *testing.T, body []byte) (hypothesis, advice string) {
	t.Helper()
	var completion struct {
		Object  string
		Choices []struct {
			Message struct{ Role, Content string }
		}
	}
	if err := json.Unmarshal(body, &completion); err != nil || len(completion.Choices) != 1 || completion.Object != "chat.completion" {
		t.Fatalf("no completion: %v: %s", err, body)
	}
	var answer struct{ Hypothesis, Advice string }
	if err := json.Unmarshal([]byte(completion.Choices[0].Message.Content), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return answer.Hypothesis, answer.Advice
}

const prompt = `{"class":"quota","title":"Rate limit","failures":812,"models":[{"value":"gpt-4o","failures":800},{"value":"b","failures":12}],"keys":[{"value":"agent","failures":401}]}`

// TestAnswerFollowsThePrompt: another prompt, another answer.
func TestAnswerFollowsThePrompt(t *testing.T) {
	t.Parallel()
	server := start(t)
	system := map[string]string{"role": "system", "content": `answer {"hypothesis": "…"}`}
	for name, test := range map[string]struct {
		change [2]string
		want   []string
	}{
		"as it is":       {want: []string{"812 failures", "class quota", "gpt-4o (800)", "agent (401)", `"Rate limit"`}},
		"another count":  {change: [2]string{`"failures":812`, `"failures":7`}, want: []string{"7 failures", "gpt-4o"}},
		"one":            {change: [2]string{`"failures":812`, `"failures":1`}, want: []string{"1 failure of"}},
		"another class":  {change: [2]string{"quota", "timeout"}, want: []string{"class timeout"}},
		"another model":  {change: [2]string{"gpt-4o", "模型-客服"}, want: []string{"模型-客服 (800)"}},
		"no model":       {change: [2]string{`[{"value":"gpt-4o","failures":800},{"value":"b","failures":12}]`, "[]"}, want: []string{"model (none named)"}},
		"text around it": {change: [2]string{`{"class"`, `Here is the document: {"class"`}, want: []string{"812 failures"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, server, system, map[string]string{"role": "user", "content": strings.Replace(prompt, test.change[0], test.change[1], 1)})
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			hypothesis, advice := content(t, body)
			for _, want := range test.want {
				if !strings.Contains(hypothesis, want) {
					t.Errorf("hypothesis %q lacks %q", hypothesis, want)
				}
			}
			if !strings.Contains(advice, "class") {
				t.Errorf("advice %q", advice)
			}
		})
	}
}

// TestRefusals are in the form of OpenAI's errors.
func TestRefusals(t *testing.T) {
	t.Parallel()
	server := start(t)
	for name, request := range map[string]string{
		"no JSON":     `{`,
		"no document": `{"messages":[{"role":"user","content":"hello"}]}`,
		"no failures": `{"messages":[{"role":"user","content":"{\"class\":\"quota\"}"}]}`,
		"not a user":  `{"messages":[{"role":"system","content":"{\"class\":\"quota\",\"failures\":1}"}]}`,
		"endless":     `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 5<<20) + `"}]}`,
	} {
		status, body := post(t, server, []byte(request))
		var refusal struct {
			Error struct{ Message, Type string }
		}
		if err := json.Unmarshal(body, &refusal); err != nil || status != http.StatusBadRequest || refusal.Error.Message == "" || refusal.Error.Type != "invalid_request_error" {
			t.Errorf("%s: status %d, %v: %s", name, status, err, body)
		}
	}
}
