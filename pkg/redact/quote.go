package redact

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

func index(s []byte, from int, c byte) int {
	if n := bytes.IndexByte(s[from:], c); n >= 0 {
		return from + n
	}
	return -1
}

func skipBlank(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where the JSON string whose content begins at i ends: its
// closing quote, or the end of s if there is none.
func stringEnd(s []byte, i int) (end int, escaped bool) {
	end = i - 1
	for {
		if end < i { // the last quote was an escaped one
			if end = index(s, i, '"'); end < 0 {
				end = len(s)
			}
		}
		slash := bytes.IndexByte(s[i:end], '\\')
		if slash < 0 {
			return end, escaped
		}
		escaped = true
		i = min(len(s), i+slash+2)
		if end == len(s) && i == end {
			return end, true
		}
	}
}

// unquote appends the text that the content of a JSON string stands for.
func unquote(dst, content []byte) []byte {
	for i := 0; i < len(content); {
		n := bytes.IndexByte(content[i:], '\\')
		if n < 0 {
			return append(dst, content[i:]...)
		}
		dst = append(dst, content[i:i+n]...)
		i += n
		r, size := escape(content[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

// requote turns offsets in the text of a JSON string into offsets in its content.
func requote(spans []span, content []byte) {
	offset, i := 0, 0 // in the text, in the content
	to := func(target int) int {
		for offset < target && i < len(content) {
			if content[i] != '\\' {
				offset++
				i++
				continue
			}
			r, size := escape(content[i:])
			offset += utf8.RuneLen(r)
			i += size
		}
		return i
	}
	for n := range spans {
		spans[n].from = to(spans[n].from)
		spans[n].to = to(spans[n].to)
	}
}

// escape reads the escape at the beginning of s. What is none counts as the
// backslash itself.
func escape(s []byte) (r rune, size int) {
	if len(s) < 2 {
		return '\\', len(s)
	}
	switch c := s[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			return '\\', 1
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if low, ok := hex4(s[8:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return '\\', 1
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case isHex(c):
			r = r<<4 | rune(lower(c)-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
