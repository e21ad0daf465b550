package redact

import (
	"bytes"
	"encoding/base64"
)

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
