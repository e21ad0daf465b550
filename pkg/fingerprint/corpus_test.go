package fingerprint

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sample is one failed row as the tests use it.
type sample struct {
	Release   string `json:"release"` // of LiteLLM, that wrote it
	Cause     string `json:"cause"`   // what was provoked, see causes
	Rows      int    `json:"rows"`    // of this release that it stands for
	Class     string `json:"class"`
	Code      string `json:"code"`
	Provider  string `json:"provider"`
	Message   string `json:"message"`
	Traceback string `json:"traceback,omitempty"` // only where there is no message
}

func (s sample) error() Error {
	return Error{Class: s.Class, Code: s.Code, Provider: s.Provider, Message: s.Message, Traceback: s.Traceback}
}

// fixture holds one row for each release, cause and kind: written by TestKinds
// -update from rows of real LiteLLM proxies. Its keys are fake.
const fixture = "testdata/rows.jsonl.gz"

func loadFixture(t testing.TB) []sample {
	t.Helper()
	var out []sample
	readLines(t, fixture, func(line []byte) {
		var s sample
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatalf("%s: %v", fixture, err)
		}
		out = append(out, s)
	})
	if len(out) == 0 {
		t.Fatalf("%s is empty", fixture)
	}
	return out
}

// loadShared returns every failed row of the four releases beside the repository,
// nil where that folder is absent.
func loadShared(t testing.TB) []sample {
	t.Helper()
	files, err := filepath.Glob("../../../shared/litellm/rows/*.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	for _, f := range files {
		release := strings.TrimSuffix(filepath.Base(f), ".jsonl.gz")
		if strings.Contains(release, "tokens") {
			continue
		}
		readLines(t, f, func(line []byte) {
			if s, ok := sampleOf(t, release, line); ok {
				out = append(out, s)
			}
		})
	}
	return out
}

func sampleOf(t testing.TB, release string, line []byte) (sample, bool) {
	t.Helper()
	var row struct {
		Status     *string `json:"status"`
		ModelGroup string  `json:"model_group"`
		Provider   string  `json:"custom_llm_provider"`
		Metadata   struct {
			Status string `json:"status"`
			Error  struct {
				Class     string `json:"error_class"`
				Code      string `json:"error_code"`
				Provider  string `json:"llm_provider"`
				Message   string `json:"error_message"`
				Traceback string `json:"traceback"`
			} `json:"error_information"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		t.Fatalf("row of %s: %v", release, err)
	}
	if row.Status == nil {
		row.Status = &row.Metadata.Status
	}
	if *row.Status != "failure" {
		return sample{}, false
	}
	e := row.Metadata.Error
	if e.Provider == "" {
		e.Provider = row.Provider
	}
	s := sample{Release: release, Rows: 1, Class: e.Class, Code: e.Code, Provider: e.Provider, Message: e.Message}
	if blank(e.Message) {
		s.Traceback = e.Traceback[max(0, len(e.Traceback)-1500):]
	}
	s.Cause = causeOf(s, row.ModelGroup)
	return s, true
}

func readLines(t testing.TB, name string, do func([]byte)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// causes says which provoked failure a row is, by words of the text that the
// scripted upstream answered, independent of the package's own tables. Faults that
// the catalogue provokes twice (the same text at another endpoint) are one cause.
var causes = []struct{ name, message, group, traceback string }{
	{name: "key_unknown", message: "Invalid proxy server token passed"},
	{name: "key_unknown", traceback: "in get_key_object\n    raise ProxyException(\n"},
	{name: "key_malformed", message: "LiteLLM Virtual Key expected"},
	{name: "key_expired", message: "Expired Key"},
	{name: "model_not_allowed", message: "is not available for this API key"},
	{name: "model_not_allowed", traceback: "in _can_object_call_model\n    raise ProxyException(\n"},
	{name: "key_expired", traceback: "in _user_api_key_auth_builder\n    raise ProxyException(\n"},
	{name: "budget_end_user", message: "End User="},
	{name: "budget_end_user", message: "Budget has been exceeded! Current cost: 0.0002"},
	{name: "budget_key", message: "Budget has been exceeded!"},
	{name: "key_parallel", message: "Limit type: max_parallel_requests"},
	{name: "key_parallel", message: "rpm limit: 9223372036854775807"},
	{name: "key_rpm", message: "Limit type: requests"},
	{name: "key_rpm", message: "Rate Limit Handler"},
	{name: "model_unknown", message: "You passed in model="},
	{name: "model_not_latin1", message: "'latin-1' codec"},
	{name: "body_malformed", message: "Invalid JSON payload"},
	{name: "messages_missing", message: "'messages'", group: ""},
	{name: "guardrail_injection", message: "Violated guardrail policy"},
	{name: "guardrail_chinese", message: "命中敏感信息规则"},
	{name: "response_foreign", message: "This response id was not issued"},
	{name: "cooldown", message: "No deployments available"},
	{name: "openai_rpm", message: "on requests per min (RPM)"},
	{name: "openai_quota", message: "read the docs: https://platform.openai.com/docs/guides/error-codes"},
	{name: "openai_bad_key", message: "Incorrect API key provided"},
	{name: "openai_context", message: "your messages resulted in"},
	{name: "openai_param", message: "Unsupported value: 'temperature'"},
	{name: "openai_no_model", message: "or you do not have access to it"},
	{name: "openai_500", message: "The server had an error while processing"},
	{name: "openai_stream_500", message: "The server had an error processing"},
	{name: "openai_502", message: "502 Bad Gateway"},
	{name: "openai_timeout", message: "Request timed out"},
	{name: "openai_truncated", message: "Unterminated string"},
	{name: "connect_refused", message: "Connection error.", group: "decommissioned"},
	{name: "connect_tls", message: "Connection error.", group: "selfsigned-llm"},
	{name: "connect_reset", message: "Connection error.", group: "gpt-4o"},
	{name: "gemini_offline", message: "", group: "gemini-offline"},
	{name: "openai_region", message: "Country, region, or territory"},
	{name: "openai_tool_order", message: "messages with role 'tool'"},
	{name: "azure_tpm", message: "exceeded token rate limit"},
	{name: "azure_filter", message: "content management policy"},
	{name: "azure_private", message: "Public access is disabled"},
	{name: "anthropic_overloaded", message: `"Overloaded"`},
	{name: "anthropic_credit", message: "credit balance is too low"},
	{name: "anthropic_tools", message: "`tool_use_id`"},
	{name: "anthropic_bad_key", message: "invalid x-api-key"},
	{name: "bedrock_tokens", message: "Too many tokens, please wait"},
	{name: "bedrock_denied", message: "bedrock:InvokeModel"},
	{name: "gemini_quota", message: "generate_content_free_tier_requests"},
	{name: "gemini_bad_key", message: "API key not valid"},
	{name: "vllm_context", message: "in the completion). Please reduce"},
	{name: "embedding_context", message: "for the completion). Please reduce"},
	{name: "vllm_no_model", message: "does not exist."},
	{name: "vllm_engine", message: "EngineCore"},
	{name: "deepseek_balance", message: "Insufficient Balance"},
	{name: "dashscope_inspection", message: "inappropriate content"},
	{name: "dashscope_arrears", message: "账户欠费"},
	{name: "zhipu_parallel", message: "并发数过高"},
	{name: "ollama_no_model", message: "try pulling it first"},
	{name: "cohere_trial", message: "Trial key"},
	{name: "mistral_capacity", message: "Service tier capacity"},
	{name: "groq_too_large", message: "Request too large for model"},
	{name: "openrouter_tokens", message: "Number of request tokens"},
	{name: "rerank_empty", message: "list of documents must not be empty"},
	{name: "responses_previous", message: "Previous response with id"},
	{name: "completion_deprecated", message: "has been deprecated"},
	{name: "moderation_429", message: "Too Many Requests"},
}

// causeOf returns the cause of a row, "" for one the list doesn't know.
func causeOf(s sample, group string) string {
	for _, c := range causes {
		if c.traceback != "" {
			if blank(s.Message) && strings.HasSuffix(s.Traceback, c.traceback) {
				return c.name
			}
			continue
		}
		if (c.group == "" || c.group == group) && (c.message == "" || strings.Contains(s.Message, c.message)) && s.Message != "" {
			return c.name
		}
	}
	return ""
}
