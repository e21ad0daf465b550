package redact

import "bytes"

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

func equalFold(s []byte, lowerCase string) bool {
	for i := range lowerCase {
		if lower(s[i]) != lowerCase[i] {
			return false
		}
	}
	return true
}
