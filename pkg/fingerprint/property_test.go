package fingerprint

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var validID = regexp.MustCompile(`^f1-[0-9a-f]{16}$`)

// wellFormed reports what is wrong with a kind, whatever it was made of.
func wellFormed(k Kind) error {
	switch {
	case !validID.MatchString(k.ID):
		return fmt.Errorf("id %q", k.ID)
	case k.Template == "" || len(k.Template) > maxTemplate || !utf8.ValidString(k.Template):
		return fmt.Errorf("template of %d bytes: %q", len(k.Template), k.Template)
	case strings.ContainsFunc(k.Template, unicode.IsControl):
		return fmt.Errorf("control character in template %q", k.Template)
	case len(k.Text) > maxText || !utf8.ValidString(k.Text):
		return fmt.Errorf("text of %d bytes: %q", len(k.Text), k.Text)
	case k.Title == "" || len(k.Title) > maxTitle || !utf8.ValidString(k.Title) || strings.ContainsFunc(k.Title, unicode.IsControl):
		return fmt.Errorf("title of %d bytes: %q", len(k.Title), k.Title)
	case k.Check == "" || strings.Contains(k.Check, "\n"):
		return fmt.Errorf("check %q", k.Check)
	case !k.Class.Valid():
		return fmt.Errorf("class %q", k.Class)
	}
	return nil
}

func TestAnyBytes(t *testing.T) {
	t.Parallel()
	pieces := append([]string{
		"{'", "\":", "b'", "[", "}", "\\\"", "\\x", "\x00", "\xff\xfe", "'", "`", "“", "<", " at 0x", "litellm.", "Exception - ", "sk-", "\n",
		"Traceback (most recent call last)", "Error code: 429 - ", "model=", "<html><title>", "🔥", "客", ". ", "7",
	}, additions...)
	piece := rapid.OneOf(rapid.SampledFrom(pieces), rapid.String(), rapid.StringMatching(`[a-z0-9._:/-]{1,12}`))
	anything := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		e := Error{
			Class: rapid.OneOf(anything, rapid.SampledFrom([]string{"", "APIError", "ProxyException", "KeyError"})).Draw(t, "class"), Code: anything.Draw(t, "code"),
			Provider: anything.Draw(t, "provider"), Message: anything.Draw(t, "message"), Traceback: anything.Draw(t, "traceback"),
		}
		k := Of(e)
		if err := wellFormed(k); err != nil {
			t.Fatal(err)
		}
		if again := Of(e); again != k {
			t.Fatalf("two kinds of one error:\n%+v\n%+v", k, again)
		}
	})
}

// varying are texts with slots, and generators of what may stand in them.
var varying = []string{
	"Rate limit reached for {model} in organization {org} on requests per min (RPM): Limit {n}, Used {n}, Requested {n}. Please try again in {duration}.",
	"The model `{model}` does not exist or you do not have access to it.",
	"model '{model}' not found, try pulling it first",
	"Deployment {model} is not ready at {host}",
	"You passed in model={anything}. There are no healthy deployments for this model",
	"This model's maximum context length is {n} tokens. However, your messages resulted in {n} tokens.",
	"Cannot connect to host {host} ssl:default [Connect call failed ('{ip}', {n})]",
	"Incorrect API key provided: {key}. You can find your API key at {url}.",
	"request {uuid} of {email} failed at {time}: upstream {host} closed the stream after {duration}",
	"File {path} of request {id} could not be opened by worker {n}",
	"ExceededBudget: End User={anything} over budget. Spend={decimal}, Budget={decimal}",
	"Rate limit exceeded for api_key: {hash}. Limit type: tokens. Current limit: {n}, Remaining: {n}. Limit resets at: {time}",
	"messages.{n}.content.{n}: unexpected `tool_use_id` found in `tool_result` blocks: {id}.",
	"key not allowed to access model. This key can only access models={list}. Tried to access {model}",
	"LiteLLM Virtual Key expected. Received={anything}, expected to start with 'sk-'.",
	"Tool '{tool}' of assistant {id} returned {n} bytes, see {url}",
}

func slots() map[string]*rapid.Generator[string] {
	hex := rapid.StringMatching
	number := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 1<<40).Draw(t, "n")) })
	decimal := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.Float64Range(0, 1e6).Draw(t, "x")) })
	host := hex(`[a-z]{2,8}-[0-9]{1,3}\.[a-z]{2,9}\.(com|internal|io)(:[1-9][0-9]{1,4})?`)
	model := rapid.OneOf(
		rapid.SampledFrom([]string{"gpt-4o", "claude-3-5-sonnet-20241022", "Qwen/Qwen3-30B-A3B", "qwen2.5:14b", "llama-3.3-70b-versatile", "deepseek-chat", "gpt-4.1-mini"}),
		hex(`(gpt|claude|llama|qwen|mistral)-[0-9]{1,2}(\.[0-9])?(-[a-z]{3,9})?`), hex(`(openai|azure|groq)/gpt-[0-9]{1,2}[a-z]{0,5}`))
	return map[string]*rapid.Generator[string]{
		"n": number, "decimal": decimal, "model": model, "host": host,
		"org":      hex(`org-[A-Za-z]{10}[0-9][A-Za-z0-9]{13}`),
		"id":       hex(`(req|msg|call|toolu)_[0-9][a-z0-9]{9,23}`),
		"hash":     hex(`[0-9][0-9a-f]{63}`),
		"uuid":     hex(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`),
		"key":      rapid.OneOf(hex(`sk-[A-Za-z0-9]{20,40}`), hex(`sk-proj-\*{20,60}[A-Za-z0-9]{4}`), hex(`sk-\*{5}[A-Za-z0-9]{4}`)),
		"duration": hex(`([0-9]{1,3}ms|[0-9]{1,2}\.[0-9]{1,3}s|[1-9]m[0-9]{1,2}s|[0-9]h)`),
		"email":    hex(`[a-z]{2,8}\.[a-z]{2,8}@[a-z]{3,8}\.(com|org)`),
		"url":      hex(`https?://[a-z]{2,8}\.[a-z]{2,8}\.com(/[a-z0-9-]{1,9}){0,4}(\?[a-z]=[0-9A-Za-z]{1,9})?`),
		"ip":       hex(`(10|172|192)\.[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}`),
		"path":     hex(`/(usr|app|opt)(/[a-z0-9_-]{1,9}){1,4}\.(py|json|wav)`),
		"time":     hex(`20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{3,6})?`),
		"tool":     rapid.OneOf(hex(`[a-z]{3,9}_[a-z]{3,9}`), hex(`[a-z]{3,9} [a-z]{3,9}`)),
		"list": rapid.Custom(func(t *rapid.T) string {
			return "['" + strings.Join(rapid.SliceOfN(model, 1, 6).Draw(t, "models"), "', '") + "']"
		}),
		"anything": rapid.Custom(func(t *rapid.T) string {
			return rapid.OneOf(rapid.SampledFrom([]string{"gpt 4o", "模型-客服", "<script>alert(1)</script>", "../../etc/passwd", "gpt-4o\nINFO: fake log line", "'; DROP TABLE x; --", "a>b*c"}),
				rapid.StringMatching(`[A-Za-z][A-Za-z0-9 _/-]{0,30}`)).Draw(t, "text")
		}),
	}
}

var slotName = regexp.MustCompile(`\{[a-z]+\}`)

// TestInvariance: what varies from request to request doesn't change the id.
func TestInvariance(t *testing.T) {
	t.Parallel()
	gen := slots()
	for _, text := range varying {
		t.Run(text[:20], func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				fill := func(which string) Kind {
					filled := slotName.ReplaceAllStringFunc(text, func(name string) string {
						return gen[strings.Trim(name, "{}")].Draw(t, which+name)
					})
					return Of(Error{Class: "APIError", Code: "500", Provider: "openai", Message: filled})
				}
				a, b := fill("first "), fill("second ")
				if a.ID != b.ID {
					t.Fatalf("two kinds:\n%q of %q\n%q of %q", a.Template, a.Text, b.Template, b.Text)
				}
			})
		})
	}
}

// TestMeaning: words that say what failed make different kinds.
func TestMeaning(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		words []string
	}{
		{"Limit reached for gpt-4o on %s per min: Limit 500, Used 500.", []string{"tokens", "requests", "images", "input tokens", "output tokens"}},
		{"Limit reached for gpt-4o on requests per %s: Limit 500, Used 500.", []string{"minute", "day", "hour", "month"}},
		{"The %s 42 has used up its budget of 10.0.", []string{"team", "user", "end-user", "key", "organization", "customer"}},
		{"The API key sk-1234567890abcdef is %s, see the console.", []string{"invalid", "expired", "missing", "revoked", "blocked", "not allowed"}},
		{"The request crossed the %s limit of this account.", []string{"context", "rate", "budget", "quota", "parallel"}},
		{"Rate limit exceeded for api_key: 12ab. Limit type: %s. Current limit: 1, Remaining: 0.", []string{"requests", "tokens", "max_parallel_requests"}},
		{"Request failed with status code %s", []string{"400", "404", "503"}},
		{"Missing required parameter: '%s'.", []string{"messages", "model", "input", "tools[0].function"}},
		{"Unsupported value: '%s' does not support 0.2 with this model.", []string{"temperature", "top_p"}},
		{"Quota exceeded for metric: generativelanguage.googleapis.com/%s, limit: 15", []string{"generate_content_free_tier_requests", "generate_content_free_tier_input_token_count"}},
		{`{"detail":[{"type":"missing","loc":["body","%s"],"msg":"Field required"}]}`, []string{"messages", "model"}},
		{"LiteLLM Rate Limit Handler for rate limit type = key. Crossed TPM / RPM / Max Parallel Request Limit. %s", []string{
			"current rpm: 1, rpm limit: 1, current tpm: 33, tpm limit: 9223372036854775807, current max_parallel_requests: 0, max_parallel_requests: 9223372036854775807",
			"current rpm: 1, rpm limit: 9223372036854775807, current tpm: 0, tpm limit: 9223372036854775807, current max_parallel_requests: 1, max_parallel_requests: 1",
		}},
	} {
		seen := map[string]string{}
		for _, w := range tt.words {
			k := Of(Error{Class: "RateLimitError", Code: "429", Provider: "openai", Message: fmt.Sprintf(tt.text, w)})
			if other, ok := seen[k.ID]; ok {
				t.Errorf("%q and %q are one kind: %q", other, w, k.Template)
			}
			seen[k.ID] = w
		}
	}
}

// TestRedaction: a secret and the marker left in its place are one kind.
func TestRedaction(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, secret, marker string }{
		{"Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.", "sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIp", "[redacted:key]"},
		{"the upstream refused %s as a key", "sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIp", "[redacted:key]"},
		{"the upstream refused '%s' as a key", "sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIp", "[redacted:key]"},
		{"LiteLLM Virtual Key expected. Received=%s, expected to start with 'sk-'.", "Bearer-0fd7b6cf643bb69b128b990b", "[redacted:token]"},
		{"Client error '400 Bad Request' for url 'https://generativelanguage.googleapis.com/v1beta/models/x:generateContent?key=%s'", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "[redacted:key]"},
		{"could not reach https://admin:%s@llm.corp.internal/v1 in time", "hunter2", "[redacted:password]"},
	} {
		plain := Of(Error{Message: fmt.Sprintf(tt.text, tt.secret)})
		redacted := Of(Error{Message: fmt.Sprintf(tt.text, tt.marker)})
		if plain.ID != redacted.ID {
			t.Errorf("two kinds:\n%q\n%q", plain.Template, redacted.Template)
		}
	}
}

// TestWhatJoins: provider, exception and code join the id where the text alone
// would merge causes, and only there.
func TestWhatJoins(t *testing.T) {
	t.Parallel()
	rate := "Number of request tokens has exceeded your per-minute rate limit"
	for _, tt := range []struct {
		name string
		a, b Error
		same bool
	}{
		{"a telling text of two providers", Error{Message: rate, Provider: "anthropic"}, Error{Message: rate, Provider: "openrouter"}, true},
		{
			"a telling text of two releases",
			Error{Message: "model 'a:1b' not found, try pulling it first", Class: "APIConnectionError", Code: "500"},
			Error{Message: "model 'a:1b' not found, try pulling it first", Class: "NotFoundError", Code: "404"},
			true,
		},
		{"a connection error of two providers", Error{Message: "Connection error.", Provider: "openai"}, Error{Message: "Connection error.", Provider: "azure"}, false},
		{"a connection error of two releases", Error{Message: "Connection error.", Class: "APIError", Code: "500"}, Error{Message: "Connection error.", Class: "InternalServerError", Code: "500"}, true},
		{"one provider's two names", Error{Message: "Connection error.", Provider: "cohere_chat"}, Error{Message: "Connection error.", Provider: "cohere"}, true},
		{
			"one quota text for two causes",
			Error{Message: "You exceeded your current quota, please check your plan and billing details.", Provider: "openai"},
			Error{Message: "You exceeded your current quota, please check your plan and billing details.", Provider: "gemini"},
			false,
		},
		{"a thin text of two exceptions", Error{Message: "Nope", Class: "NotFoundError"}, Error{Message: "Nope", Class: "AuthenticationError"}, false},
		{"a thin text of two exceptions of one class", Error{Message: "Nope", Class: "NotFoundError"}, Error{Message: "Nope", Class: "BadRequestError"}, false},
		{"no word, two codes", Error{Message: "{}", Class: "HTTPException", Code: "520"}, Error{Message: "{}", Class: "HTTPException", Code: "521"}, false},
		{"the gateway's own text for two providers", Error{Message: "Violated guardrail policy"}, Error{Message: "Violated guardrail policy", Provider: "openai"}, true},
	} {
		if same := Of(tt.a).ID == Of(tt.b).ID; same != tt.same {
			t.Errorf("%s: one kind is %t, want %t", tt.name, same, tt.same)
		}
	}
}

// TestBounded: no input makes it work for long.
func TestBounded(t *testing.T) {
	t.Parallel()
	const size = 50 << 20
	const most = 2 * time.Second
	for _, unit := range []string{
		"a", " ", "\x00", "\xff", "'a ", "'a'b", "\"", "`", "“", "[", "{", "{'", "{\"a\":", "[{\"a\":[", "<", "< at 0x", "b'{", "\\", "{\\\"", "http://", "1", "1.", "a1",
		"sk-", "model=", "litellm.X: ", "XException - ", ". Please try again", "No fallback model group found", "\nmodel=", "Traceback (most recent call last)\n", "客", "401 '",
	} {
		text := strings.Repeat(unit, size/len(unit))
		for _, e := range []Error{{Message: text}, {Message: "x" + text, Class: text, Code: text, Provider: text}, {Traceback: text}} {
			start := time.Now()
			k := Of(e)
			if took := time.Since(start); took > most {
				t.Errorf("%q × %d took %s", unit, len(text)/len(unit), took)
			}
			if err := wellFormed(k); err != nil {
				t.Errorf("%q: %v", unit, err)
			}
		}
	}
}
