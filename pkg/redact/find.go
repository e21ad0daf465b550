package redact

import (
	"bytes"
	"slices"
)

// kind is what sort of secret something is; 0 is none.
type kind uint8

const (
	kindKey kind = iota + 1
	kindPassword
	kindToken
	// kindWeak is of a name that often holds something else: its value is a
	// secret only if it looks like one.
	kindWeak
	// kindQuery is of a parameter of a URL, whose value is a secret if it isn't short.
	kindQuery
	// kindSignature is of a name whose value may look like a hash and be a secret.
	kindSignature
	kindPattern // found by a pattern of the settings
)

// marker is what stands in for a secret. It has no byte that JSON would escape.
func (k kind) marker() string {
	switch k {
	case kindPassword:
		return "[redacted:password]"
	case kindToken, kindWeak, kindSignature:
		return "[redacted:token]"
	case kindPattern:
		return "[redacted:pattern]"
	default:
		return "[redacted:key]"
	}
}

// markerBegin is how every marker begins.
const markerBegin = "[redacted:"

// markerLen is the length of the marker that s begins with, less its last byte.
func markerLen(s []byte) int {
	for _, k := range []kind{kindKey, kindPassword, kindToken, kindPattern} {
		if bytes.HasPrefix(s, []byte(k.marker())) {
			return len(k.marker()) - 1
		}
	}
	return 0
}

// span is a secret: bytes from..to of a text.
type span struct {
	from, to int
	kind     kind
}

// minSecret is the least that can hold a secret, in bytes: sk-1234, pwd=abc.
const minSecret = 7

// find appends the secrets in s to spans: in order, not overlapping. If there are
// any and it is so told, s as a whole is one.
func (r *Redactor) find(spans []span, s []byte, whole bool) []span {
	if len(s) >= minSecret {
		spans = r.builtin(spans, s)
	}
	if len(r.patterns) > 0 {
		spans = r.matches(spans, s)
	}
	if whole && len(spans) > 0 {
		return append(spans[:0], span{0, len(s), kindPattern})
	}
	return spans
}

// builtin finds what the rules of this package know.
func (r *Redactor) builtin(spans []span, s []byte) []span {
	done := 0    // where the last span ended
	noToken := 0 // no JWT begins before here, see jwt
	for i := 0; i < len(s); i++ {
		before := r.trigger[s[i]]
		if before == 0 || i > 0 && before&bit(s[i-1]) == 0 {
			continue
		}
		var found span
		switch s[i] {
		case '-', '_':
			if found = r.prefixed(s, i, done); found.kind == 0 && i+1 < len(s) && s[i+1] == 'B' {
				found = privateKey(s, i-4, done)
			}
		case 'A':
			found = upperPrefixed(s, i, done)
		case 'p':
			found = dapi(s, i, done)
		case '.':
			found = dotted(s, i, done)
		case 'J':
			if i >= noToken {
				found, noToken = jwt(s, i, done)
			}
		case 'B', 'b':
			found = scheme(s, i)
		case '[': // nothing in a marker means anything
			i += markerLen(s[i:])
			continue
		case ',':
			found = r.tuple(s, i)
		case ':':
			if found = urlSecret(s, i); found.kind == 0 {
				found = r.pair(s, i)
			}
		case '=':
			found = r.pair(s, i)
		}
		if found.kind != 0 {
			spans = append(spans, found)
			done = found.to
			i = done - 1
		}
	}
	return spans
}

// bit is a byte's place in a set of bytes, which it shares with seven others.
func bit(c byte) uint32 { return 1 << (c & 31) }

// starts reports whether a secret may start at i: no letter or digit before it,
// unless that belongs to an escape (\n, \u003d, %3D) in text within text.
func starts(s []byte, i int) bool {
	if i == 0 || !isAlnum(s[i-1]) {
		return true
	}
	switch s[i-1] {
	case 'n', 'r', 't', 'b', 'f':
		if i >= 2 && s[i-2] == '\\' {
			return true
		}
	}
	if i >= 3 && s[i-3] == '%' && isHex(s[i-2]) && isHex(s[i-1]) {
		return true
	}
	return i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' &&
		isHex(s[i-4]) && isHex(s[i-3]) && isHex(s[i-2]) && isHex(s[i-1])
}

// run returns the end of the bytes from i on that may be in a key.
func run(s []byte, i int, in func(byte) bool) int {
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isAlnum(c byte) bool { return isDigit(c) || isLower(c) || isUpper(c) }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isKeyByte: base64url without '='.
func isKeyByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// isTokenByte: what RFC 6750 lets a bearer token have.
func isTokenByte(c byte) bool {
	return isKeyByte(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '='
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}

func lower(c byte) byte {
	if isUpper(c) {
		return c - 'A' + 'a'
	}
	return c
}

func hasDigit(s []byte) bool { return slices.ContainsFunc(s, isDigit) }
