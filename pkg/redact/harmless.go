package redact

import (
	"bytes"
	"strings"
)

// cuts reports whether a value under a name of this kind is a secret.
func (k kind) cuts(value []byte) bool {
	switch k {
	case 0:
		return false
	case kindWeak:
		return isRandom(value)
	case kindQuery:
		return len(value) >= 12 && hasDigit(value) && !isHarmless(value)
	case kindSignature:
		return len(value) >= 16 && hasDigit(value) && isToken(value) && !isMasked(value)
	case kindPassword:
		return !isHarmless(value) || isMasked(value) && !isStars(value) && !bytes.Contains(value, []byte(markerBegin))
	default:
		return !isHarmless(value)
	}
}

// isHarmless reports whether a value is no secret whatever its name: nothing, a
// marker, a mask, a hash, one of LiteLLM's own names, a reference to a setting.
func isHarmless(v []byte) bool {
	v = bytes.TrimSpace(v)
	if len(v) == 0 || bytes.Contains(v, []byte(markerBegin)) || isMasked(v) || isHash(v) {
		return true
	}
	if len(v) > 64 {
		return false
	}
	s := string(v)
	switch s {
	case "None", "null", "nil", "undefined", "none", "true", "false", "True", "False",
		// The principals that LiteLLM puts for a key.
		"litellm_proxy_master_key", "litellm-internal-health-check", "litellm-cli", "litellm_internal_jobs":
		return true
	}
	if hash, ok := strings.CutPrefix(s, "hashed-jwt-"); ok && isHash([]byte(hash)) {
		return true
	}
	if v[0] == '[' && v[len(v)-1] == ']' && isWord(v[1:len(v)-1]) { // [secure], of httpx
		return true
	}
	return strings.HasPrefix(s, "REDACTED") || strings.HasPrefix(s, "os.environ") ||
		strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") ||
		strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">")
}

// isStars reports whether v is a mask and little else: of a password, a few characters
// between dots or stars may be all of it.
func isStars(v []byte) bool {
	hidden := bytes.Count(v, []byte("*")) + bytes.Count(v, []byte(".")) + bytes.Count(v, []byte("…"))
	return hidden >= 3 && bytes.ContainsAny(v, "*…") && len(v)-hidden <= 12 || hidden == len(v)
}

// isToken reports whether v is of the bytes of a token, percent-encoded or not.
func isToken(v []byte) bool {
	return run(v, 0, func(c byte) bool { return isTokenByte(c) || c == '%' }) == len(v)
}

// isHash reports whether v is a SHA-256 in hex: what LiteLLM stores for a key.
func isHash(v []byte) bool {
	if len(v) != 64 {
		return false
	}
	for _, c := range v {
		if !isHex(c) {
			return false
		}
	}
	return true
}

// isMasked reports whether most of v is hidden already: sk-...8ac7, Bear****fd36,
// "Bearer sk-proj-********ROSS".
func isMasked(v []byte) bool {
	shown, hidden := 0, false
	for i := 0; i < len(v); {
		if n := maskLen(v[i:]); n > 0 {
			hidden = true
			i += n
			continue
		}
		if shown++; shown > 24 {
			return false
		}
		i++
	}
	return hidden
}

// maskBegins reports whether s begins with the middle of a masked key.
func maskBegins(s []byte) bool { return maskLen(s) > 0 }

// maskLen is the length of the mask at the beginning of s: two stars or more, three
// dots or more, an ellipsis, a marker of ours.
func maskLen(s []byte) int {
	if len(s) == 0 {
		return 0
	}
	n, least := 0, 0
	switch s[0] {
	case '*':
		n, least = run(s, 0, func(c byte) bool { return c == '*' }), 2
	case '.':
		n, least = run(s, 0, func(c byte) bool { return c == '.' }), 3
	case '[':
		if bytes.HasPrefix(s, []byte(markerBegin)) {
			n = len(markerBegin)
		}
	case "…"[0]:
		if bytes.HasPrefix(s, []byte("…")) {
			n = len("…")
		}
	}
	if n < least {
		return 0
	}
	return n
}

// isRandom reports whether v looks like a token: long, one word, letters and
// digits mixed, neither a hash nor a UUID nor masked.
func isRandom(v []byte) bool {
	if len(v) < 16 || isHarmless(v) || isUUID(v) {
		return false
	}
	digits, letters := 0, 0
	for _, c := range v {
		switch {
		case isDigit(c):
			digits++
		case isAlnum(c):
			letters++
		case !isTokenByte(c) && c != '%':
			return false
		}
	}
	return digits >= 2 && letters >= 4
}

func isUUID(v []byte) bool {
	if len(v) != 36 {
		return false
	}
	for i, c := range v {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isHex(c) {
			return false
		}
	}
	return true
}
