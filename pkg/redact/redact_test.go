package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	hash64 = "6a28c2f87fc8089daac0f6d5fbcaf88a3020b67c36a20474e552c98d6ecae4f8"
	token  = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)

// cuts are texts with a secret, and what must become of them. Keys are made up.
func cuts() map[string]string {
	return map[string]string{
		// What providers and LiteLLM write.
		"Incorrect API key provided: sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIpK6yknbHVUKAfkI54. You can find your API key at https://platform.openai.com": "Incorrect API key provided: [redacted:key]. You can find your API key at https://platform.openai.com",
		"LiteLLM Virtual Key expected. Received=Bearer-8697e1505328b092e062b087, expected to start with 'sk-'.":                                     "LiteLLM Virtual Key expected. Received=[redacted:key], expected to start with 'sk-'.",
		"Received=my secret, with a comma, expected to start with 'sk-'.":                                                                           "Received=[redacted:key], expected to start with 'sk-'.",
		"Incorrect API key provided: abc123def456. Got 401":                                                                                         "Incorrect API key provided: [redacted:key]. Got 401",

		// By their beginning.
		"sk-1234":                         "[redacted:key]",
		"key sk-ant-api03-AbC_d-123 used": "key [redacted:key] used",
		"sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789":            "[redacted:key]",
		"x-goog-api-key AIzaSyA1234567890abcdefghijklmnopqrstuv!": "x-goog-api-key [redacted:key]!",
		"?key=AIzaSyA1234567890abcdefghijklmnopqrstuv&alt=sse":    "?key=[redacted:key]&alt=sse",
		"gsk_0123456789abcdefghijKLMN":                            "[redacted:key]",
		"(hf_abcdefghijklmnopqrstuvwxyz)":                         "([redacted:key])",
		"xai-0123456789abcdefghij":                                "[redacted:key]",
		"AWS AKIAIOSFODNN7EXAMPLE.":                               "AWS [redacted:key].",
		"github_pat_11ABCDEFG0abcdefghijkl":                       "[redacted:key]",
		"token " + token + " expired":                             "token [redacted:token] expired",
		"jwt " + token + ".":                                      "jwt [redacted:token].",
		"Authorization: Bearer sk-f85df9789131e72ebf8ac7":         "Authorization: Bearer [redacted:key]",
		"authorization: bearer 0123456789abcdef.":                 "authorization: bearer [redacted:key].",
		"Proxy-Authorization: Basic dXNlcjpwYXNz":                 "Proxy-Authorization: Basic [redacted:token]",
		"Authorization: Token 0a1b2c3d4e":                         "Authorization: Token [redacted:key]",
		"Bearer%20abc12345678":                                    "Bearer%20[redacted:token]",

		// In texts within texts.
		`line\nsk-abcd1234`:                                `line\n[redacted:key]`,
		"%3Dsk-abcd1234":                                   "%3D[redacted:key]",
		`\u003dsk-abcd1234`:                                `\u003d[redacted:key]`,
		`{"api_key": "s3"}`:                                `{"api_key": "[redacted:key]"}`,
		`{\"password\":\"a b\"}`:                           `{\"password\":\"[redacted:password]\"}`,
		`{\\\"password\\\":\\\"a\\\",\\\"b\\\":1}`:         `{\\\"password\\\":\\\"[redacted:password]\\\",\\\"b\\\":1}`,
		"{'authorization': 'Bearer x', 'a': 1}":            "{'authorization': '[redacted:key]', 'a': 1}",
		`{"password": "it\"s"}`:                            `{"password": "[redacted:password]"}`,
		"api_key=abc123 ":                                  "api_key=[redacted:key] ",
		"api-key = abc123def":                              "api-key = [redacted:key]",
		"https://x.openai.azure.com/?api-key=0123abcd&v=1": "https://x.openai.azure.com/?api-key=[redacted:key]&v=1",
		`"openaiApiKey":"x y z"`:                           `"openaiApiKey":"[redacted:key]"`,
		"aws_secret_access_key='wJalr/XUtn'":               "aws_secret_access_key='[redacted:key]'",
		"access_token: 'abc'":                              "access_token: '[redacted:token]'",
		"token='0123456789abcdefghij'":                     "token='[redacted:token]'",

		// In URLs.
		"postgresql://llm:s3cret@db:5432/litellm": "postgresql://llm:[redacted:password]@db:5432/litellm",
		"redis://:pw@cache:6379":                  "redis://:[redacted:password]@cache:6379",
		"https://u:p@ss@host/x":                   "https://u:[redacted:password]@host/x",
		"see http://a:b@c and http://d:e@f":       "see http://a:[redacted:password]@c and http://d:[redacted:password]@f",
	}
}

// keeps are texts that must stay as they are.
func keeps() []string {
	return []string{
		"", "-", "_", "J", "A", "B", ":", "=", "sk-", "'sk-'.", "://", "b", "Bearer ", "bearer", "basic",
		"sk-...8ac7", "sk-*****rjh7.", "sk-ab****", "sk-proj-********ROSS.", "sk-abcdefg…", "Bearer sk-...8ac7", "Bear****fd36",
		"LiteLLM Virtual Key expected. Received=Bear****fd36, expected to start with 'sk-'.",
		"Received Model Group=gpt-4o", "received: 12 of 20 chunks",
		"chatcmpl-EHDaEeL0C8AnErDYSw3sjTUGWXLI0", "msg_01XFDUDYJgAACzvnptvVoYEL", "req_1e9e1db7aa30446b8ca6962b3fbd0f66",
		"resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDpOb25l", "call_abc123DEF456ghi789", "org-AbCdEf0123456789",
		"toolu_01A09q90qw90lq917835lq9", "file-abc123", "asst_abc123", "batch_67f7bfc50b288190893e242d9fa47c52",
		"2b583d35-979e-4ccd-9749-1fc811cf4a07", hash64, "api_key='" + hash64 + "'", "token='" + hash64 + "' key_name='sk-...8ac7'",
		"user_api_key: " + hash64, "token=2b583d35-979e-4ccd-9749-1fc811cf4a07",
		"gpt-4o-mini", "bedrock/converse/anthropic.claude-3-sonnet-20240229-v1:0", "hosted_vllm/Qwen/Qwen3-30B-A3B", "task-1234", "flask-2.3.1", "disk-12345678",
		"locale sk-SK", "ask-me-anything", "risk-based",
		"def f(api_key: Optional[str] = None, password=password):", "api_key=api_key,", "assert api_key.startswith(", "api_key = get(\"api_key\")", "token = await get_key_object(",
		"api_key=os.environ/OPENAI_API_KEY", "'api_key': None", "api_key=''", `"password": null`, "password=${PW}", "api_key: <your key>",
		"Bearer authentication is required", "Basic authentication failed", "bearer token expected", "Bearer Token",
		"password: must have 8 characters", "secret: invalid", "max_tokens: 123456789012", "total_token=12345678901234567890",
		"http://127.0.0.1:8899/openai/v1", "https://docs.litellm.ai/docs/proxy/virtual_keys#setup", "http://host:8080/path?mail=a@b.c", "ssh://git@github.com/x",
		"eyJust a word.", "ABSK", "AKIA is a prefix", "hf_hub_download", "sk_learn", "pass: 12", "compass: 123456 north",
		"REDACTED_BY_LITELM", "api_key=REDACTED_BY_LITELM1", "[redacted:key]", "api_key='[redacted:key]'", "litellm_proxy_master_key",
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	for in, want := range cuts() {
		if got := string(r.Text(nil, []byte(in))); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
		if again := string(r.Text(nil, []byte(want))); again != want {
			t.Errorf("not idempotent: %q became %q", want, again)
		}
	}
	for _, in := range keeps() {
		if got := string(r.Text(nil, []byte(in))); got != in {
			t.Errorf("Text(%q) = %q, want it unchanged", in, got)
		}
	}
}

// A string of JSON is treated as the text it stands for, however it is escaped.
func TestJSONStringsAsText(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	for in := range cuts() {
		want := string(r.Text(nil, []byte(in)))
		for name, doc := range map[string]string{
			"value": quoteJSON(in), "name": "{" + quoteJSON(in) + ":1}", "nested": `{"a":[0,{"b":` + quoteJSON(in) + "}]}",
			"escaped": escapeAll(in),
		} {
			out := r.JSON(nil, []byte(doc))
			if !json.Valid(out) {
				t.Errorf("%s: %q became %q, which is not JSON", name, doc, out)
			}
			if got := onlyString(t, out); got != want {
				t.Errorf("%s: JSON(%s)\n got %q\nwant %q", name, doc, got, want)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := New(Options{Names: []string{"pin"}})
	for in, want := range map[string]string{
		`{"secret_fields": {"raw_headers": {"host": "h", "authorization": "Bearer sk-f85df9789131e72ebf8ac7", "x": 1}}}`: `{"secret_fields": {"raw_headers": {"host": "h", "authorization": "[redacted:key]", "x": 1}}}`,
		`{"api_key":"Bearer-8697e1505328b092e062b087","spend":0}`:                                                        `{"api_key":"[redacted:key]","spend":0}`,
		`{"api_key":"` + hash64 + `","user_api_key": "litellm_proxy_master_key"}`:                                        `{"api_key":"` + hash64 + `","user_api_key": "litellm_proxy_master_key"}`,
		`{"x-api-key" : "a\"b","card-PIN":"1"}`:                                                                          `{"x-api-key" : "[redacted:key]","card-PIN":"[redacted:key]"}`,
		`{"password":1,"a":"b"}`:                                                                                         `{"password":1,"a":"b"}`,
		`{"password":["a"],"b":"c"}`:                                                                                     `{"password":["a"],"b":"c"}`,
		`{"token":"Hello","prompt_tokens":5}`:                                                                            `{"token":"Hello","prompt_tokens":5}`,
		`{"token":"0123456789abcdefghij"}`:                                                                               `{"token":"[redacted:token]"}`,
		`{"set-cookie": "a=b; c=d"}`:                                                                                     `{"set-cookie": "[redacted:token]"}`,
		`{"cache_key":"Cache OFF","key_name":"sk-...8ac7","api_key":"","apiKey":null}`:                                   `{"cache_key":"Cache OFF","key_name":"sk-...8ac7","api_key":"","apiKey":null}`,
		`{"t":"\u00e9\ud83d\ude00\/ sk-abcd1234 \u00e9\n"}`:                                                              `{"t":"\u00e9\ud83d\ude00\/ [redacted:key] \u00e9\n"}`,
		`{"sk-abcd1234":{"sk-abcd1235":2}}`:                                                                              `{"[redacted:key]":{"[redacted:key]":2}}`,
		`"unclosed sk-abcd1234`:                                                                                          `"unclosed [redacted:key]`,
		`{"a":"x\`:                                                                                                       `{"a":"x\`,
		``:                                                                                                               ``,
		`12`:                                                                                                             `12`,
	} {
		if got := string(r.JSON(nil, []byte(in))); got != want {
			t.Errorf("JSON(%s)\n got %s\nwant %s", in, got, want)
		}
	}
}

// Appending must not disturb what is in dst, nor touch src.
func TestAppends(t *testing.T) {
	t.Parallel()
	r := New(Options{})
	src := []byte(`{"a":"sk-abcd1234"}`)
	keep := bytes.Clone(src)
	got := r.JSON([]byte("head "), src)
	if diff := cmp.Diff(`head {"a":"[redacted:key]"}`, string(got)); diff != "" {
		t.Error(diff)
	}
	if got := r.Text([]byte("head "), []byte("sk-abcd1234")); string(got) != "head [redacted:key]" {
		t.Errorf("got %q", got)
	}
	if !bytes.Equal(src, keep) {
		t.Errorf("src became %q", src)
	}
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escapeAll writes every character of a string of ASCII as an escape.
func escapeAll(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		b.WriteString(`\u00`)
		b.WriteByte("0123456789abcdef"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	b.WriteByte('"')
	return b.String()
}

// onlyString returns the longest string in a document.
func onlyString(t *testing.T, doc []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	longest := ""
	for {
		tok, err := dec.Token()
		if err != nil {
			return longest
		}
		if s, ok := tok.(string); ok && len(s) > len(longest) {
			longest = s
		}
	}
}
