package jsonscan

import (
	"bytes"
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape returns the text of what stands between the quotes of a JSON string.
// Tracebacks are of a kilobyte and a backslash in every line: encoding/json takes
// ten times as long.
func unescape(inner []byte) (text string, ok bool) {
	slash := bytes.IndexByte(inner, '\\')
	if slash < 0 {
		return string(inner), true
	}
	var b strings.Builder
	b.Grow(len(inner))
	for ; slash >= 0; slash = bytes.IndexByte(inner, '\\') {
		b.Write(inner[:slash])
		r, n := escaped(inner[slash:])
		if n == 0 {
			return "", false
		}
		b.WriteRune(r)
		inner = inner[slash+n:]
	}
	b.Write(inner)
	return b.String(), true
}

// escaped reads the escape that s begins with, of n bytes; 0 = it is none.
func escaped(s []byte) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
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
	}
	const one, pair = len(`\uD83D`), len(`\uD83D\uDE00`)
	r, ok := codeUnit(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		second, _ := codeUnit(s[one:])
		if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
			return r, pair
		}
	}
	return r, one
}

// codeUnit reads the \uXXXX that s begins with.
func codeUnit(s []byte) (rune, bool) {
	const digits = len(`\u`)
	var unit [2]byte
	if len(s) < digits+2*len(unit) || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	if _, err := hex.Decode(unit[:], s[digits:digits+2*len(unit)]); err != nil {
		return 0, false
	}
	return rune(unit[0])<<8 | rune(unit[1]), true
}
