package redact

import "bytes"

// Limits of a value in a text, in bytes: without quotes, with quotes, a malformed key.
const (
	maxBare     = 256 // decides; small, as texts like password=password=… look at it again and again
	maxQuoted   = 16 << 10
	maxReceived = 512
	maxCookie   = 4096
)

// pair finds the value behind the ':' or '=' at s[i] if a secret's name is before
// it: api_key='…', "password": "…", Authorization: Token …, ?key=…, also with the
// escaped quotes of JSON within JSON and as bytes of Python (b'…').
func (r *Redactor) pair(s []byte, i int) span {
	begin, end, ok := r.nameBefore(s, i)
	if !ok {
		return span{}
	}
	name := s[begin:end]
	if received(name) {
		return receivedKey(s, i+1)
	}
	k := r.nameKind(name)
	if s[i] == '=' {
		word := name[bytes.LastIndexByte(name, ' ')+1:]
		begin = end - len(word)
		k = max(k, r.assigned(s, begin, word))
	} else if begin > 0 && s[begin-1] == ':' && string(name) == "secret" { // arn:aws:secretsmanager:…:secret:name
		return span{}
	}
	if k == 0 || s[i] == '=' && i+1 < len(s) && s[i+1] == '=' { // a comparison
		return span{}
	}
	from := run(s[:min(len(s), i+3)], i+1, func(c byte) bool { return c == ' ' })
	if k == kindPassword && from < len(s) && s[from] == '/' && equalFoldEnd(name, "pwd") { // a folder
		return span{}
	}
	quote, slashes := quoteAt(s, from)
	if quote >= 0 {
		if to := quotedEnd(s, quote+1, s[quote], slashes); to >= 0 {
			if k.cuts(s[quote+1 : to]) {
				return span{quote + 1, to, k}
			}
			return span{}
		}
		from = quote + 1 // cut in the middle
	} else if k == kindPassword && s[i] == '=' && end == i && from == i+1 {
		if found := dsnPassword(s, begin, from); found.kind != 0 {
			return found
		}
	}
	to, sure := bareEnd(s, from), false
	switch {
	case k == kindKey && equalFoldEnd(name, "authorization") && to < len(s) && s[to] == ' ' && isWord(s[from:to]):
		from = to + 1 // behind the scheme
		to = bareEnd(s, from)
		sure = to-from >= longWord
	case k == kindToken && s[i] == ':' && quote < 0 && equalFoldEnd(name, "cookie") && bytes.IndexByte(s[from:to], '=') > 0:
		to = run(s[:min(len(s), from+maxCookie)], from, inCookies) // all of them
		sure = true
	}
	if value := s[from:to]; !sure && !looksSecret(value) || !k.cuts(value) {
		return span{}
	}
	if to-from >= maxBare { // AWS' session tokens have 1,000 bytes
		to = run(s, to, isBareByte)
	}
	return span{from, to, k}
}

// assigned is the kind of a word at s[begin] before a '=', where it means more than
// elsewhere: in a list of settings, in a URL, in a header of AWS.
func (r *Redactor) assigned(s []byte, begin int, word []byte) kind {
	k := max(r.nameKind(word), queryKind(s, begin, word))
	if next := begin + len(word) + 1; k == 0 && equalFoldEnd(word, "signature") && next < len(s) && s[next-1] == '=' && s[next] != ' ' {
		return kindSignature
	}
	return k
}

// inCookies: what may stand in the line of a Cookie header.
func inCookies(c byte) bool { return c >= ' ' && c != '"' && c != '\'' && c != '\\' }

// quoteAt returns where the quote stands that a value at s[i] begins with, behind
// that many backslashes and Python's mark of bytes; -1 if there is none.
func quoteAt(s []byte, i int) (quote, slashes int) {
	if i+1 < len(s) && s[i] == 'b' {
		i++
	}
	quote = run(s, i, func(c byte) bool { return c == '\\' })
	if quote < len(s) && (s[quote] == '"' || s[quote] == '\'') {
		return quote, quote - i
	}
	return -1, 0
}

// nameBefore returns where the name before the separator at s[i] stands, with blanks
// in it. It says no when its last byte ends no secret's name, which is nearly always.
func (r *Redactor) nameBefore(s []byte, i int) (from, end int, ok bool) {
	end = i
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
		return 0, 0, false
	}
	from = end
	for from > max(0, end-maxName) && (isKeyByte(s[from-1]) || s[from-1] == ' ') {
		from--
	}
	return from, end, end-from >= minName
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
