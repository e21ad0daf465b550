package fingerprint

import "strings"

// additions are what LiteLLM appends to the message it reports. The text is cut at
// the first of them. Wordings of 1.67 to 1.106; the last is the mark of its storage
// limit (MAX_STRING_LENGTH_PROMPT_IN_DB), after which a later part of the text follows.
var additions = []string{
	"No fallback model group found",
	"Received Model Group=",
	"Available Model Group Fallbacks=",
	"Error doing the fallback",
	"\n\nLiteLLM: model group ",
	"LiteLLM Retried: ",
	"LiteLLM Max Retries: ",
	"Deployment Info: ",
	" \n model: ",     // of a timeout: the model, then api_base
	". Passed model=", // of a cooldown: the model, then all deployments
	" Error_str: ",
	" Original exception: ",
	"context_window_fallbacks=",
	"content_policy_fallback=",
	"Set 'context_window_fallback'",
	"Set 'content_policy_fallback'",
	"Handle with `litellm.",
	"Enable 'litellm.modify_params=True'",
	"... (litellm_truncated ",
}

// truncationMark is the addition that hides a part of the message.
const truncationMark = "... (litellm_truncated "

// cutAdditions returns s without what LiteLLM appended. cut reports whether there
// was an addition, truncated whether it was the mark of a shortened text.
func cutAdditions(s string) (rest string, cut, truncated bool) {
	end := len(s)
	for _, mark := range additions {
		if i := strings.Index(s[:end], mark); i > 0 && hasWord(s[:i]) {
			end, truncated = i, mark == truncationMark
		}
	}
	if end == len(s) {
		return s, false, false
	}
	rest = s[:end]
	// "\nmodel=gpt-4o. context_window_fallbacks=…": the public name goes with them.
	if i := strings.LastIndex(rest, "\nmodel="); i > 0 && !strings.Contains(rest[i+1:], "\n") {
		rest = rest[:i]
	}
	return rest, true, truncated
}

// hasWord reports whether s has a letter, digit or byte of another script in its
// first bytes: whether anything would be left.
func hasWord(s string) bool {
	for i := range min(len(s), 64) {
		if isAlnum(s[i]) || s[i] >= 0x80 {
			return true
		}
	}
	return false
}

// envelopeExceptions are the exceptions that LiteLLM and the OpenAI SDK put before
// a provider's message ("RateLimitError: …"). Python's own (KeyError, TypeError) are
// not among them: there the name is part of the meaning.
var envelopeExceptions = set(
	"APIConnectionError", "APIError", "APIResponseValidationError", "APIStatusError",
	"APITimeoutError", "AuthenticationError", "BadGatewayError", "BadRequestError",
	"BaseLLMException", "ContentPolicyViolationError", "ContextWindowExceededError",
	"InternalServerError", "InvalidRequestError", "MidStreamFallbackError", "NotFoundError",
	"OpenAIError", "PermissionDeniedError", "ProxyException", "RateLimitError",
	"RouterRateLimitError", "ServiceUnavailableError", "UnprocessableEntityError",
	"UnsupportedParamsError", "HTTPException", "HTTPStatusError",
	"AnthropicException", "AzureException", "BedrockException", "CohereException",
	"DeepseekException", "GeminiException", "GroqException", "HuggingfaceException",
	"MistralException", "OllamaException", "OpenAIException", "OpenrouterException",
	"VLLMException", "VertexAIException", "VertexAIError", "AnthropicError", "BedrockError",
	"OllamaError", "OpenAILikeError",
	"Exception", "Error",
)

func set(names ...string) map[string]struct{} {
	m := make(map[string]struct{}, len(names))
	for _, n := range names {
		m[n] = struct{}{}
	}
	return m
}

// maxPrefixes bounds how many prefixes are taken off one text.
const maxPrefixes = 12

// stripPrefixes takes LiteLLM's prefixes off: `litellm.X: X: YException - `,
// `AzureException RateLimitError - `, `Error code: 429 - `, `400: `. It never
// leaves nothing.
func stripPrefixes(s string) string {
	s = strings.TrimSpace(s)
	for range maxPrefixes {
		n := prefixLen(s)
		if n == 0 {
			break
		}
		rest := strings.TrimSpace(s[n:])
		if !hasWord(rest) {
			break
		}
		s = rest
	}
	return s
}

// prefixLen returns the length of the one prefix s begins with, 0 for none.
func prefixLen(s string) int {
	if n := statusPrefix(s); n > 0 {
		return n
	}
	if n := dashPrefix(s); n > 0 {
		return n
	}
	name := identifier(s)
	if name == "" {
		return 0
	}
	rest := s[len(name):]
	if strings.HasPrefix(name, "litellm.") && strings.HasPrefix(rest, ":") {
		return len(name) + 1
	}
	name = name[strings.LastIndexByte(name, '.')+1:] // openai.RateLimitError
	if _, ok := envelopeExceptions[name]; ok && strings.HasPrefix(rest, ": ") {
		return len(s) - len(rest) + 2
	}
	return 0
}

// dashPrefix returns the length of what ends in a dash and names an exception:
// "OpenAIException - ", "AnthropicError - ", "AzureException RateLimitError - ",
// "BedrockException: Context Window Error - ", "Timeout Error: GroqException - ".
func dashPrefix(s string) int {
	const limit, maxNames = 80, 5
	dash := strings.Index(s[:min(len(s), limit)], " - ")
	if dash < 0 {
		return 0
	}
	head := s[:dash]
	for i := range len(head) {
		if c := head[i]; !isAlnum(c) && strings.IndexByte(" :._", c) < 0 {
			return 0
		}
	}
	names := strings.Fields(head)
	if len(names) > maxNames {
		return 0
	}
	for _, n := range names {
		n = strings.TrimRight(n, ":")
		if len(n) > len("Error") && (strings.HasSuffix(n, "Exception") || strings.HasSuffix(n, "Error")) {
			return dash + 3
		}
	}
	return 0
}

// statusPrefix returns the length of "Error code: 429 - ", "429: " (a FastAPI
// HTTPException) or "Original exception: ".
func statusPrefix(s string) int {
	const code = "Error code: "
	if strings.HasPrefix(s, code) {
		n := len(code) + leadingDigits(s[len(code):])
		if strings.HasPrefix(s[n:], " - ") {
			return n + 3
		}
		return 0
	}
	if leadingDigits(s) == 3 && (s[0] == '4' || s[0] == '5') && strings.HasPrefix(s[3:], ": ") {
		return 5
	}
	return 0
}

// identifier returns the dotted Python name s begins with, at most 64 bytes.
func identifier(s string) string {
	n := 0
	for n < len(s) && n < 64 && (isAlnum(s[n]) || s[n] == '_' || s[n] == '.') {
		n++
	}
	return strings.TrimRight(s[:n], ".")
}
