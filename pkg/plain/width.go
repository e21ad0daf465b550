package plain

import (
	"strings"
	"unicode"
)

// Width is the number of columns of s on a terminal or in a fixed-width font.
func Width(s string) int {
	columns := 0
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth is 2 for East Asian wide characters and emoji (Unicode's annex 11,
// the blocks that matter here), 0 for marks that stand on the character before.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, // Hangul Jamo
		r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, // CJK, Kana, Yi
		r >= 0xac00 && r <= 0xd7a3,                // Hangul
		r >= 0xf900 && r <= 0xfaff,                // CJK compatibility
		r >= 0xfe30 && r <= 0xfe6f,                // CJK forms
		r >= 0xff00 && r <= 0xff60,                // full-width forms
		r >= 0xffe0 && r <= 0xffe6,                //
		r >= 0x1f300 && r <= 0x1f64f,              // pictographs, emoticons
		r >= 0x1f680 && r <= 0x1f6ff,              // transport
		r >= 0x1f900 && r <= 0x1f9ff,              // more pictographs
		r >= 0x20000 && r <= 0x3fffd:              // more CJK
		return 2
	}
	return 1
}

// Right pads s on its right to columns.
func Right(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Width(s)))
}

// Left pads s on its left to columns.
func Left(s string, columns int) string {
	return strings.Repeat(" ", max(0, columns-Width(s))) + s
}

// Wrap breaks a line at blanks into lines of at most columns; a longer word, or
// text that is written without blanks, is broken where the line is full. The first
// line has used columns less, and may be empty.
func Wrap(line string, columns, used int) []string {
	var lines []string
	current, width, room := "", 0, columns-used
	flush := func() {
		lines = append(lines, current)
		current, width, room = "", 0, columns
	}
	for word := range strings.FieldsSeq(line) {
		wide := Width(word)
		switch {
		case width > 0 && width+1+wide <= room, width > 0 && wide > columns && width+3 <= room:
			current, width = current+" ", width+1
		case width > 0 || wide > room && room < columns:
			flush()
		}
		for _, r := range word {
			if w := runeWidth(r); width+w > room {
				flush()
			}
			current, width = current+string(r), width+runeWidth(r)
		}
	}
	if current != "" {
		flush()
	}
	return lines
}
