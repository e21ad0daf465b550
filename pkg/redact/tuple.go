package redact

import "bytes"

// tuple finds the value of a header behind the ',' at s[i] of a pair of Python:
// ('x-api-key', '…') or [b"x-api-key", b"…"]. A list of names looks alike, so that
// the value must be one of a secret, and only words joined by '-' are headers.
func (r *Redactor) tuple(s []byte, i int) span {
	if i < minName+3 || s[i-1] != '\'' && s[i-1] != '"' || i+2 >= len(s) || s[i+1] != ' ' {
		return span{}
	}
	begin, end, ok := r.nameBefore(s, i)
	if !ok || begin < 2 {
		return span{}
	}
	name := s[begin:end]
	if bytes.IndexByte(name, '-') < 0 && !equalFoldEnd(name, "authorization") {
		return span{}
	}
	open := begin - 1
	if s[open] != s[i-1] {
		return span{}
	}
	for open > 0 && (s[open-1] == '\\' || s[open-1] == 'b') {
		open--
	}
	if open == 0 || s[open-1] != '(' && s[open-1] != '[' {
		return span{}
	}
	k := r.nameKind(name)
	quote, slashes := quoteAt(s, i+2)
	if k == 0 || quote < 0 {
		return span{}
	}
	to := quotedEnd(s, quote+1, s[quote], slashes)
	if to < 0 || !k.cuts(s[quote+1:to]) || !looksSecret(s[quote+1:to]) {
		return span{}
	}
	if next := to + slashes + 1; next >= len(s) || s[next] != ')' && s[next] != ']' {
		return span{}
	}
	return span{quote + 1, to, k}
}
