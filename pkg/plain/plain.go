// Package plain makes text of strangers fit for a line of a report, a terminal or
// a metric label. Model names, key aliases and messages are chosen by whoever
// sends requests: they may hold escape sequences, line breaks, text that turns
// its direction, or a megabyte.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLabel = 128 // bytes
	ellipsis = "…"
)

// Line returns s as one line of at most most columns: white space becomes one
// blank, what can't be printed is written as an escape (\x1b, \u202e), invalid
// UTF-8 as U+FFFD, and what is too long is cut and ends in "…".
func Line(s string, most int) string {
	var b strings.Builder
	columns, blank := 0, false
	for _, r := range s {
		piece, width := printable(r)
		if piece == " " {
			blank = columns > 0
			continue
		}
		gap := 0
		if blank {
			gap = 1
		}
		// A letter may carry any number of marks without width: bytes are bounded too.
		if columns+gap+width > most || b.Len() > 16*most {
			return cut(b.String(), most)
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteString(piece)
		columns += gap + width
	}
	return b.String()
}

// printable returns how a rune is written, and its columns.
func printable(r rune) (piece string, columns int) {
	switch {
	case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
		return " ", 1
	case unicode.IsPrint(r):
		return string(r), runeWidth(r)
	case r < 0x80:
		piece = fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		piece = fmt.Sprintf(`\u%04x`, r)
	default:
		piece = fmt.Sprintf(`\U%08x`, r)
	}
	return piece, len(piece)
}

// cut makes room for the ellipsis.
func cut(s string, most int) string {
	for Width(s)+1 > most && s != "" {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimRight(s, " ") + ellipsis
}

// Label returns s as a metric label: valid UTF-8 without control and format
// characters, at most 128 bytes, never empty, for an empty label is none.
func Label(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxLabel {
			break
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "unknown"
	}
	return b.String()
}
