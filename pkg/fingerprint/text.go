package fingerprint

import (
	"strings"
	"unicode/utf8"
)

// clip returns at most n bytes of s as valid UTF-8, cut on a rune; bytes that are
// no UTF-8 become U+FFFD. Only the first n bytes are looked at.
func clip(s string, n int) string {
	if len(s) > n {
		// A rune is cut off at most three bytes before the end.
		end := n
		for back := 0; back < utf8.UTFMax-1 && end > 0 && !utf8.RuneStart(s[end]); back++ {
			end--
		}
		s = s[:end]
	}
	if utf8.ValidString(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > n {
		return clip(s, n) // U+FFFD is longer than the byte it stands for
	}
	return s
}

// asciiLower appends s to dst with ASCII letters in lower case.
func asciiLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// hasPrefixFold reports whether s begins with the lower-case ASCII prefix,
// whatever the case of s.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isLower(c | 0x20) }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
func isSpace(c byte) bool  { return c <= ' ' || c == 0x7f }

func isHex(c byte) bool {
	lower := c | 0x20
	return isDigit(c) || 'a' <= lower && lower <= 'f'
}

// leadingDigits returns how many of the first bytes of s are digits.
func leadingDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// allDigits reports whether s is digits only, at least one.
func allDigits(s string) bool { return s != "" && leadingDigits(s) == len(s) }

// hasDigit reports whether s has a digit.
func hasDigit(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x80 && isDigit(byte(r)) }) >= 0
}
