package fingerprint

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// providerTexts are messages as providers write them: quotes of each sort, line
// breaks, other scripts, values that vary.
var providerTexts = []string{
	"Rate limit reached for gpt-4o in organization org-267jnLtGTyrkfnOF9egJ463d on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 120ms. Visit https://platform.openai.com/account/rate-limits to learn more.",
	"Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
	"This model's maximum context length is 128000 tokens. However, your messages resulted in 174565 tokens. Please reduce the length of the messages.",
	"messages.50.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_74546a77b8892c462e8d4020. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
	"The model `Qwen/Qwen3-30B-A3B` does not exist.",
	"您当前使用该API的并发数过高，请降低并发，或联系客服增加限额",
	"You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 15\nPlease retry in 45.1.2s.",
	`Expected one of "auto", "none" or an object for tool_choice, got a list instead of it.`,
}

// envelopes returns text in every form in which LiteLLM's releases report a message.
func envelopes(t testing.TB, text string) map[string]string {
	t.Helper()
	quoted := jsonString(t, text)
	body := `{"error": {"message": ` + quoted + `, "type": "invalid_request_error", "param": null, "code": "some_code"}}`
	anthropic := `{"type": "error", "error": {"type": "invalid_request_error", "message": ` + quoted + `}, "request_id": "req_011f6c90939d3771b1e5678dd43"}`
	flat := `{"object": "error", "message": ` + quoted + `, "type": "BadRequestError", "param": null, "code": 400}`
	python := "{'error': {'message': " + pythonString(text) + ", 'type': 'invalid_request_error', 'param': None, 'code': None}}"
	group := "gpt-4.1 mini (eu)"
	suffix := "No fallback model group found for original model_group=" + group + ". Fallbacks=[{'chat-primary': ['chat-spare']}]"
	return map[string]string{
		"bare":           text,
		"litellm":        "litellm.BadRequestError: OpenAIException - " + text,
		"twice":          "litellm.RateLimitError: RateLimitError: OpenAIException - " + text,
		"three times":    "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: Hosted_vllmException - " + text,
		"azure":          "litellm.RateLimitError: AzureException RateLimitError - " + text,
		"bedrock":        "litellm.BadRequestError: BedrockException: Context Window Error - " + text,
		"json":           body,
		"indented":       "litellm.RateLimitError: litellm.RateLimitError: geminiException - {\n  \"error\": {\n    \"code\": 429,\n    \"message\": " + quoted + ",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n",
		"list":           "litellm.RateLimitError: vertex_aiException - [" + body + "\n]",
		"anthropic":      "litellm.BadRequestError: AnthropicException - " + anthropic,
		"bytes":          "litellm.BadRequestError: AnthropicException - b'" + pythonBytes(anthropic) + "'",
		"flat":           "litellm.BadRequestError: Hosted_vllmException - " + flat,
		"python":         "litellm.NotFoundError: OpenAIException - Error code: 404 - " + python,
		"bedrock json":   `litellm.RateLimitError: BedrockException - {"message": ` + quoted + `}`,
		"http exception": "400: {'error': " + pythonString(text) + "}",
		"json in json":   `litellm.RateLimitError: OpenrouterException - {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": ` + jsonString(t, anthropic) + `, "provider_name": "Anthropic"}}, "user_id": "user_2e0c2bd25f588f1e103218403"}`,
		"json twice":     `{"error": {"message": ` + jsonString(t, jsonString(t, body)) + `}}`,
		"lost quotes":    "litellm.APIError: APIError: OpenAIException - " + strings.Trim(jsonString(t, body), `"`),
		"gateway": `litellm.RateLimitError: RateLimitError: Litellm_proxyException - Error code: 429 - {'error': {'message': ` +
			pythonString("litellm.RateLimitError: RateLimitError: OpenAIException - "+text+". Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None") + `, 'code': '429'}}`,
		"preamble":      "Error code: 429. Response from provider: " + body,
		"cut behind":    "litellm.RateLimitError: OpenAIException - " + body[:strings.Index(body, `"param"`)+4],
		"truncated":     "litellm.BadRequestError: AnthropicException - " + anthropic[:len(anthropic)-20] + "... (litellm_truncated skipped 2566 chars. Truncation is a DB storage safeguard.) ...n the previous message.",
		"no fallback":   "litellm.RateLimitError: RateLimitError: OpenAIException - " + text + suffix + ". Received Model Group=" + group + "\nAvailable Model Group Fallbacks=None\nError doing the fallback: litellm.RateLimitError: RateLimitError: OpenAIException - " + text + suffix,
		"no fallback 2": "litellm.BadRequestError: OpenAIException - " + body + "\n\nLiteLLM: model group '" + group + "' failed with the error above and no fallback model group was found for it, so the request was not retried on another model. Fallbacks are configured for: chat-primary.",
		"fallback failed": "litellm.BadRequestError: OpenAIException - " + body + ". Received Model Group=chat-primary\nAvailable Model Group Fallbacks=['chat-spare']\n" +
			`Error doing the fallback: litellm.InternalServerError: AnthropicError - {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}`,
		"retried":         "litellm.RateLimitError: RateLimitError: OpenAIException - " + text + " LiteLLM Retried: 3 times, LiteLLM Max Retries: 5",
		"context advice":  "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - " + text + "\nmodel=" + group + ". context_window_fallbacks=None. fallbacks=[{'chat-primary': ['chat-spare']}].\n\nSet 'context_window_fallback' - https://docs.litellm.ai/docs/routing#fallbacks",
		"deployment info": "litellm.Timeout: " + text + "\n\nDeployment Info: request_timeout: None\ntimeout: 1.0",
		"mid stream":      "litellm.ServiceUnavailableError: litellm.MidStreamFallbackError: litellm.InternalServerError: OpenAIException - " + text + " Original exception: InternalServerError: litellm.InternalServerError: OpenAIException - " + text,
		"handle":          "litellm.InternalServerError: AnthropicException - " + text + ". Handle with `litellm.InternalServerError`.",
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	for _, text := range providerTexts {
		want := Of(Error{Class: "BadRequestError", Code: "400", Provider: "openai", Message: text})
		for name, message := range envelopes(t, text) {
			got := Of(Error{Class: "BadRequestError", Code: "400", Provider: "openai", Message: message})
			if got.ID != want.ID {
				t.Errorf("%s is another kind:\n message %q\n got     %q\n want    %q", name, message, got.Template, want.Template)
			}
		}
	}
}

// TestCut: a message that ends anywhere behind its first sentence is the same kind
// where the rest says what to do, not what failed.
func TestCut(t *testing.T) {
	t.Parallel()
	text := providerTexts[0]
	want := Of(Error{Class: "RateLimitError", Provider: "openai", Message: text}).ID
	first := strings.Index(text, "Please try again")
	full := "litellm.RateLimitError: OpenAIException - {\"error\": {\"message\": " + jsonString(t, text)
	start := strings.Index(full, text)
	for end := start + first; end <= len(full); end++ {
		if got := Of(Error{Class: "RateLimitError", Provider: "openai", Message: full[:end]}); got.ID != want {
			t.Errorf("cut at %q: %s", full[start:end], got.Template)
		}
	}
}

// TestOnlyAddition: where an addition is all there is, it is the text.
func TestOnlyAddition(t *testing.T) {
	t.Parallel()
	k := Of(Error{Class: "RouterRateLimitError", Message: "No fallback model group found for original model_group=gpt-4o. Fallbacks=[]"})
	if k.Template == "" || k.Text == "" {
		t.Errorf("no template of a bare addition: %+v", k)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, text := range providerTexts {
		for name, message := range envelopes(t, text) {
			got := Of(Error{Class: "BadRequestError", Message: message}).Text
			if strings.Trim(got, ". \n") != strings.Trim(text, ". \n") {
				t.Errorf("%s: the exemplar is not the message as it was:\n got  %q\n want %q", name, got, text)
			}
		}
	}
}

func jsonString(t testing.TB, s string) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// pythonString is repr(s).
func pythonString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	s = strings.NewReplacer(`\`, `\\`, quote, `\`+quote, "\n", `\n`, "\r", `\r`).Replace(s)
	return quote + s + quote
}

// pythonBytes is the inside of repr(s.encode()) in single quotes.
func pythonBytes(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\\' || c == '\'':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
