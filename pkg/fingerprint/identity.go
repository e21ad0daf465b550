package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// thinWords is the number of words up to which a text names no cause of its own:
// "Overloaded", "Too Many Requests", "Invalid API key".
const thinWords = 3

// transport are words of texts that the HTTP client wrote, not the provider: the
// text is the same whoever was not reached or did not answer. Lower case.
var transport = []string{
	"connect", "timed out", "timeout", "time-out", "certificate", "ssl", "name resolution",
	"name or service not known", "getaddrinfo", "broken pipe", "disconnected", "incomplete",
	"unreachable", "no route to host", "eof occurred",
}

// shared are texts that several providers use for different causes. Lower case.
var shared = []string{
	"exceeded your current quota", // OpenAI: billing. Gemini: a rate.
	"resource exhausted",
	"resource has been exhausted",
	"the model is overloaded",
}

// neutral are exceptions that say no more than "failed", and differ between
// LiteLLM's releases for one cause (1.67: APIError, later: InternalServerError).
var neutral = set(
	"", "Exception", "Error", "APIError", "APIStatusError", "APIConnectionError", "BaseLLMException",
	"HTTPException", "InternalServerError", "MidStreamFallbackError", "OpenAIError", "ProxyException",
	"ServiceUnavailableError", "BadGatewayError", "RuntimeError",
)

// identity returns the id of an error with this rule and template.
//
// Always in it: the template, case folded, and the class of fault, so that one id
// has one class. The provider joins where the text would be the same for different
// causes: a thin text, a transport error, a shared one. Exception and code join a
// thin text whose words no rule knows.
func identity(e Error, r rule, template string) string {
	fold := asciiLower(make([]byte, 0, len(template)+64), template)
	lower := string(fold)
	thin := words(template) <= thinWords
	var provider, exception, code string
	if !r.gateway && (thin || containsAny(lower, transport) || containsAny(lower, shared)) {
		provider = providerName(e.Provider)
	}
	if thin && len(r.words) == 0 {
		exception = tellingException(e)
		code = e.Code
	}
	for _, part := range []string{string(r.class), provider, exception, code} {
		fold = append(append(fold, 0), part...)
	}
	sum := sha256.Sum256(fold)
	return Rules + "-" + hex.EncodeToString(sum[:8])
}

// tellingException returns the exception's name where it says more than "failed".
func tellingException(e Error) string {
	name := exceptionName(e.Class)
	if _, ok := neutral[name]; ok {
		return ""
	}
	return name
}

// sameProvider folds LiteLLM's several names of one provider.
var sameProvider = map[string]string{
	"azure_text": "azure", "azure_ai": "azure", "cohere_chat": "cohere", "hosted_vllm": "vllm",
	"ollama_chat": "ollama", "text-completion-openai": "openai", "custom_openai": "openai",
	"bedrock_converse": "bedrock", "vertex_ai_beta": "vertex_ai",
}

func providerName(p string) string {
	p = string(asciiLower(nil, p))
	if name, ok := sameProvider[p]; ok {
		return name
	}
	return p
}

func containsAny(s string, subs []string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// words counts the words of a template or a text: runs of three or more letters
// outside of slots; of other scripts two characters are a word.
func words(s string) int {
	n, run, wide := 0, 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '<' {
			if end := strings.IndexByte(s[i:min(len(s), i+8)], '>'); end > 0 {
				i += end
				run = 0
				continue
			}
		}
		switch {
		case isLetter(c):
			run++
			if run == 3 {
				n++
			}
		case c >= 0xC0: // the first byte of a rune
			wide++
			run = 0
		case c >= 0x80:
		case c == '\'' && run > 0: // model's is one word
		default:
			run = 0
		}
	}
	return n + wide/2
}
