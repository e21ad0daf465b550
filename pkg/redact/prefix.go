package redact

import (
	"bytes"
	"encoding/base64"
)

// prefix is a beginning that gives a key away. It ends in '-' or '_'.
type prefix struct {
	text string
	min  int // bytes that must follow
	in   func(byte) bool
}

// prefixes are the keys of providers and of what stands around a LiteLLM proxy.
// "sk-" (OpenAI, Anthropic, DeepSeek, LiteLLM itself, …) has rules of its own.
func prefixes() []prefix {
	return []prefix{
		// csk- and sk_ put "sk-" into the right group, see prefixed.
		{"gsk_", 16, isAlnum},                 // Groq
		{"hf_", 16, isAlnum},                  // Hugging Face
		{"xai-", 16, isAlnum},                 // xAI
		{"pplx-", 16, isAlnum},                // Perplexity
		{"nvapi-", 16, isKeyByte},             // NVIDIA
		{"csk-", 16, isAlnum},                 // Cerebras
		{"r8_", 16, isAlnum},                  // Replicate
		{"fw_", 16, isAlnum},                  // Fireworks
		{"jina_", 16, isKeyByte},              // Jina
		{"tvly-", 16, isKeyByte},              // Tavily
		{"sk_", 24, isKeyByte},                // ElevenLabs, Stripe
		{"bedrock-api-key-", 16, isTokenByte}, // AWS Bedrock, short-lived
		{"ghp_", 20, isAlnum},                 // GitHub, five sorts
		{"gho_", 20, isAlnum},
		{"ghu_", 20, isAlnum},
		{"ghs_", 20, isAlnum},
		{"ghr_", 20, isAlnum},
		{"github_pat_", 20, isKeyByte},
		{"glpat-", 16, isKeyByte}, // GitLab
		{"xoxb-", 10, isKeyByte},  // Slack
		{"xoxp-", 10, isKeyByte},
		{"xoxa-", 10, isKeyByte},
		{"xoxe-", 10, isKeyByte},
		{"xoxs-", 10, isKeyByte},
		{"xoxc-", 10, isKeyByte},
		{"xoxd-", 10, isKeyByte},
		{"xapp-", 10, isKeyByte},
		{"ALTAK-", 16, isTokenByte},   // Baidu
		{"tgp_v1_", 16, isKeyByte},    // Together
		{"esecret_", 16, isAlnum},     // Anyscale
		{"lsv2_", 20, isKeyByte},      // LangSmith
		{"GOCSPX-", 16, isKeyByte},    // Google's OAuth
		{"glsa_", 20, isKeyByte},      // Grafana
		{"sb_secret_", 16, isKeyByte}, // Supabase, two sorts
		{"sbp_", 32, isAlnum},
		{"npm_", 30, isAlnum},
		{"dckr_pat_", 16, isKeyByte},
		{"whsec_", 16, isTokenByte},
	}
}

// prefixed finds a key whose prefix ends at s[i], not before done.
func (r *Redactor) prefixed(s []byte, i, done int) span {
	if i < 2 {
		return span{}
	}
	group := r.prefixes[s[i-1]]
	if len(group) == 0 || r.prefixEnds[s[i-1]]&bit(s[i-2]) == 0 {
		return span{}
	}
	head := s[done : i+1]
	if s[i] == '-' && bytes.HasSuffix(head, []byte("sk-")) {
		if found := skKey(s, i-2); found.kind != 0 {
			return found
		}
	}
	for _, p := range group {
		if !bytes.HasSuffix(head, []byte(p.text)) {
			continue
		}
		from := i + 1 - len(p.text)
		if to := run(s, i+1, p.in); to-i-1 >= p.min && starts(s, from) {
			return span{from, to, kindKey}
		}
	}
	return span{}
}

// skKey finds a key that begins with "sk-" at s[i]. LiteLLM's documentation uses
// sk-1234 as the master key, and people do too, so short ones count if they have a
// digit. Masked ones (sk-...8ac7, sk-proj-****ROSS) stay, and so does the locale
// sk-SK.
func skKey(s []byte, i int) span {
	if !starts(s, i) {
		return span{}
	}
	begin := i + len("sk-")
	to := run(s, begin, isKeyByte)
	n := to - begin
	if n < 16 && maskBegins(s[to:]) {
		return span{}
	}
	if n >= 8 || n >= 4 && hasDigit(s[begin:to]) {
		return span{i, to, kindKey}
	}
	return span{}
}

// upperPrefixed finds the keys of Google (AIza…), AWS (AKIA…, ASIA…, ABSK…) and
// Tencent (AKID…) that begin at s[i], and of Alibaba (LTAI…) whose 'A' it is. None
// begins before done.
func upperPrefixed(s []byte, i, done int) span {
	if i-2 >= done && bytes.HasPrefix(s[i-2:], []byte("LTAI")) && starts(s, i-2) {
		if to := run(s, i+2, isAlnum); to-i >= 14 && hasDigit(s[i:to]) {
			return span{i - 2, to, kindKey}
		}
	}
	if len(s)-i < 20 || !starts(s, i) {
		return span{}
	}
	begin := i + 4
	switch string(s[i:begin]) {
	case "AIza":
		if to := run(s, begin, isKeyByte); to-begin >= 20 {
			return span{i, to, kindKey}
		}
	case "AKIA", "ASIA":
		to := run(s, begin, func(c byte) bool { return isUpper(c) || isDigit(c) })
		if to-begin >= 16 && (to == len(s) || !isAlnum(s[to])) {
			return span{i, to, kindKey}
		}
	case "AKID":
		if to := run(s, begin, isAlnum); to-begin >= 28 {
			return span{i, to, kindKey}
		}
	case "ABSK":
		if to := run(s, begin, isTokenByte); to-begin >= 40 {
			return span{i, to, kindKey}
		}
	}
	return span{}
}

// dapi finds a key of Databricks, "dapi" and 32 digits of hex, whose 'p' is s[i]. It
// does not begin before done.
func dapi(s []byte, i, done int) span {
	from := i - 2
	if from < done || s[from] != 'd' || s[from+1] != 'a' || len(s)-from < 36 || s[i+1] != 'i' || !starts(s, from) {
		return span{}
	}
	to := run(s, from+4, isHex)
	if to-from != 36 {
		return span{}
	}
	if to+1 < len(s) && s[to] == '-' && isDigit(s[to+1]) {
		to += 2
	}
	return span{from, to, kindKey}
}

// dotted finds the keys that have a '.', which is s[i], at a known place: those of
// Zhipu (32 digits of hex, '.', 16 letters and digits) and the tokens of Google
// (ya29.…) and Vault (hvs.…). None begins before done.
func dotted(s []byte, i, done int) span {
	if i-4 >= done && string(s[i-4:i]) == "ya29" && starts(s, i-4) {
		if to := run(s, i+1, isKeyByte); to-i > 20 {
			return span{i - 4, to, kindToken}
		}
	}
	if i-3 >= done && string(s[i-3:i]) == "hvs" && starts(s, i-3) {
		if to := run(s, i+1, isKeyByte); to-i > 20 {
			return span{i - 3, to, kindToken}
		}
	}
	from := i - 32
	if from < done || len(s)-i < 17 || !isAlnum(s[i+1]) {
		return span{}
	}
	for j := i - 1; j >= from; j-- {
		if !isHex(s[j]) {
			return span{}
		}
	}
	if to := run(s, i+1, isAlnum); to-i-1 == 16 && starts(s, from) {
		return span{from, to, kindKey}
	}
	return span{}
}

// jwt finds a JSON Web Token whose "eyJ" (base64 of {") ends at s[i]. next is the
// end of what was looked at in vain: no other token begins before it.
func jwt(s []byte, i, done int) (found span, next int) {
	from := i - 2
	if from < done || s[from] != 'e' || s[from+1] != 'y' || !starts(s, from) {
		return span{}, 0
	}
	dot := run(s, i+1, isKeyByte)
	if dot-i < 8 || dot == len(s) || s[dot] != '.' {
		return span{}, dot
	}
	to := run(s, dot+1, func(c byte) bool { return isKeyByte(c) || c == '.' })
	for s[to-1] == '.' { // the end of a sentence
		to--
	}
	if to-dot < 8 {
		return span{}, dot
	}
	return span{from, to, kindToken}, 0
}

// scheme finds what follows the word Bearer or Basic that begins at s[i].
func scheme(s []byte, i int) span {
	var word string
	switch rest := s[i:]; {
	case len(rest) > 7 && equalFold(rest[:6], "bearer"):
		word = "bearer"
	case len(rest) > 6 && equalFold(rest[:5], "basic"):
		word = "basic"
	default:
		return span{}
	}
	if !starts(s, i) {
		return span{}
	}
	begin := i + len(word)
	switch {
	case s[begin] == ' ':
		begin++
	case bytes.HasPrefix(s[begin:], []byte("%20")):
		begin += len("%20")
	default:
		return span{}
	}
	end := run(s, begin, isTokenByte)
	to := end
	for to > begin && s[to-1] == '.' {
		to--
	}
	token := s[begin:to]
	if len(token) < 8 || isMasked(token) || maskBegins(s[to:]) || maskBegins(s[end:]) {
		return span{}
	}
	switch {
	case bytes.HasPrefix(token, []byte("sk-")):
		return span{begin, to, kindKey}
	case word == "basic" && isBasic(token), word == "bearer" && irregular(token):
		return span{begin, to, kindToken}
	}
	return span{}
}

// isBasic reports whether a word is base64 of user:password. Of a long one that was
// cut the beginning tells.
func isBasic(s []byte) bool {
	s = bytes.TrimRight(s, "=")
	size := min(len(s), maxBare)
	if size%4 == 1 {
		size--
	}
	var text [3 * maxBare / 4]byte
	n, err := base64.RawStdEncoding.Decode(text[:], s[:size])
	return err == nil && bytes.IndexByte(text[:n], ':') >= 0
}

// irregular reports whether a word is none of a language: long, with a digit, a '=',
// or more than two upper-case letters behind lower-case ones.
func irregular(s []byte) bool {
	humps := 0
	for i, c := range s {
		if isDigit(c) || c == '=' {
			return true
		}
		if i > 0 && isUpper(c) && isLower(s[i-1]) {
			humps++
		}
	}
	return humps > 2 || len(s) >= longWord
}

// longWord is the length from which on nothing is a word of a language.
const longWord = 20

func equalFold(s []byte, lowerCase string) bool {
	for i := range lowerCase {
		if lower(s[i]) != lowerCase[i] {
			return false
		}
	}
	return true
}
