package redact

import "bytes"

// Limits of a value in a text, in bytes: without quotes, with quotes, a malformed key.
const (
	maxBare     = 256 // small: texts like password=password=… look at it again and again
	maxQuoted   = 16 << 10
	maxReceived = 512
)

// pair finds the value behind the ':' or '=' at s[i] if a secret's name is before
// it: api_key='…', "password": "…", Authorization: Token …, also with the escaped
// quotes of JSON within JSON.
func (r *Redactor) pair(s []byte, i int) span {
	name, ok := r.nameBefore(s, i)
	if !ok {
		return span{}
	}
	if received(name) {
		return receivedKey(s, i+1)
	}
	k := r.nameKind(name)
	if k == 0 {
		return span{}
	}
	from := i + 1
	for from < len(s) && s[from] == ' ' && from < i+3 {
		from++
	}
	slashes := run(s, from, func(c byte) bool { return c == '\\' }) - from
	if quote := from + slashes; quote < len(s) && (s[quote] == '"' || s[quote] == '\'') {
		if to := quotedEnd(s, quote+1, s[quote], slashes); to >= 0 {
			if k.cuts(s[quote+1 : to]) {
				return span{quote + 1, to, k}
			}
			return span{}
		}
		from = quote + 1 // cut in the middle
	}
	to := bareEnd(s, from)
	if k == kindKey && equalFoldEnd(name, "authorization") && to < len(s) && s[to] == ' ' && isWord(s[from:to]) {
		from = to + 1 // behind the scheme
		to = bareEnd(s, from)
	}
	value := s[from:to]
	if k.cuts(value) && looksSecret(value) {
		return span{from, to, k}
	}
	return span{}
}

// nameBefore returns the name before the separator at s[i], with blanks in it. It
// says no when its last byte ends no secret's name, which is nearly always.
func (r *Redactor) nameBefore(s []byte, i int) ([]byte, bool) {
	end := i
	if end > 0 && s[end-1] == ' ' {
		end--
	}
	if end > 0 && (s[end-1] == '"' || s[end-1] == '\'') {
		end--
		for end > 0 && s[end-1] == '\\' {
			end--
		}
	}
	if end < minName || !r.mayEnd(s[:end]) {
		return nil, false
	}
	from := end
	for from > max(0, end-maxName) && (isKeyByte(s[from-1]) || s[from-1] == ' ') {
		from--
	}
	return s[from:end], end-from >= minName
}

// received reports whether a name is the "Received" of LiteLLM's complaint about
// a malformed key.
func received(name []byte) bool { return equalFoldEnd(name, "received") }

// receivedKey finds the key in "LiteLLM Virtual Key expected. Received=…, expected
// to start with 'sk-'." (clear text up to 1.80).
func receivedKey(s []byte, from int) span {
	rest := s[from:min(len(s), from+maxReceived)]
	n := bytes.Index(rest, []byte(", expected to start with"))
	if n <= 0 || isHarmless(rest[:n]) {
		return span{}
	}
	return span{from, from + n, kindKey}
}

// quotedEnd returns where the value that began with a quote behind some
// backslashes ends, -1 if not within reach.
func quotedEnd(s []byte, from int, quote byte, slashes int) int {
	limit := min(len(s), from+maxQuoted)
	for i := from; i < limit; i++ {
		n := bytes.IndexByte(s[i:limit], quote)
		if n < 0 {
			return -1
		}
		i += n
		before := i
		for before > from && s[before-1] == '\\' {
			before--
		}
		if n := i - before; slashes == 0 && n%2 == 0 {
			return i
		} else if slashes > 0 && n <= slashes {
			return before
		}
	}
	return -1
}

// bareEnd returns where a value without quotes ends, before the dot of a sentence.
func bareEnd(s []byte, from int) int {
	to := run(s[:min(len(s), from+maxBare)], from, isBareByte)
	for to > from && s[to-1] == '.' {
		to--
	}
	return to
}

func isBareByte(c byte) bool {
	switch c {
	case ',', ';', '&', '"', '\'', '`', '<', '>', ')', ']', '}', '\\':
		return false
	}
	return c > ' '
}

// looksSecret reports whether a value without quotes may be a secret and not a
// word of a sentence or a piece of code: api_key=api_key, password=get(…).
func looksSecret(v []byte) bool {
	return len(v) >= 6 && hasDigit(v) && bytes.IndexByte(v, '(') < 0 && bytes.IndexByte(v, '[') < 0
}

func isWord(s []byte) bool {
	for _, c := range s {
		if !isLower(c) && !isUpper(c) {
			return false
		}
	}
	return len(s) > 0
}

func equalFoldEnd(s []byte, lowerCase string) bool {
	return len(s) >= len(lowerCase) && equalFold(s[len(s)-len(lowerCase):], lowerCase)
}
