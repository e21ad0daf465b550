package fingerprint

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A literal is a JSON value or a Python repr, read tolerantly: either quote, the
// prefixes b, u and r, None and True, unescaped quotes inside a string, and an end
// in the middle of anything.
type literal struct {
	kind byte // 'o' object, 'a' list, 's' string, 'w' bare word (number, null, …)
	text string
	keys []string
	vals []literal // of an object beside keys, of a list
}

// Limits of a literal: beyond them the rest is dropped, never an error.
const (
	maxDepth = 12
	maxNodes = 400
)

// reader reads one literal out of s.
type reader struct {
	s     string
	i     int
	nodes int
	// open: the text ended inside a value, so that value may lack its end.
	open bool
}

// get returns the value of the first key that equals name.
func (l literal) get(name string) (literal, bool) {
	for i, k := range l.keys {
		if k == name {
			return l.vals[i], true
		}
	}
	return literal{}, false
}

func (r *reader) space() {
	for r.i < len(r.s) && isSpace(r.s[r.i]) {
		r.i++
	}
}

// value reads the value at r.i; top says that nothing encloses it, so a string
// ends at its first unescaped quote.
func (r *reader) value(depth int, top bool) literal {
	r.space()
	r.nodes++
	if r.i >= len(r.s) {
		r.open = true
		return literal{kind: 'w'}
	}
	if n := stringPrefix(r.s[r.i:]); n >= 0 {
		raw := n > 0 && r.s[r.i]|0x20 == 'b'
		r.i += n
		return literal{kind: 's', text: r.str(top, raw)}
	}
	switch c := r.s[r.i]; {
	case depth >= maxDepth || r.nodes >= maxNodes:
		r.i = len(r.s)
		return literal{kind: 'w'}
	case c == '{':
		return r.object(depth)
	case c == '[' || c == '(':
		return r.list(depth)
	default:
		return r.word()
	}
}

// stringPrefix returns how many bytes stand before the quote that opens a string
// at the start of s, -1 if there is no string.
func stringPrefix(s string) int {
	for i := range min(len(s), 3) {
		switch s[i] {
		case '"', '\'':
			return i
		case 'b', 'B', 'u', 'U', 'r', 'R', 'f', 'F':
		default:
			return -1
		}
	}
	return -1
}

func (r *reader) object(depth int) literal {
	out := literal{kind: 'o'}
	r.i++ // {
	for {
		r.space()
		if r.i >= len(r.s) {
			r.open = true
			return out
		}
		switch r.s[r.i] {
		case '}':
			r.i++
			return out
		case ',', ':':
			r.i++
			continue
		}
		at := r.i
		key := r.value(depth+1, false)
		r.space()
		if r.i < len(r.s) && r.s[r.i] == ':' {
			r.i++
			val := r.value(depth+1, false)
			if r.nodes < maxNodes {
				out.keys, out.vals = append(out.keys, key.text), append(out.vals, val)
			}
		}
		if r.i == at {
			r.i++ // a byte that begins nothing
		}
	}
}

func (r *reader) list(depth int) literal {
	out := literal{kind: 'a'}
	r.i++ // [
	for {
		r.space()
		if r.i >= len(r.s) {
			r.open = true
			return out
		}
		switch r.s[r.i] {
		case ']', ')':
			r.i++
			return out
		case ',':
			r.i++
			continue
		}
		at := r.i
		val := r.value(depth+1, false)
		if r.nodes < maxNodes {
			out.vals = append(out.vals, val)
		}
		if r.i == at {
			r.i++
		}
	}
}

func (r *reader) word() literal {
	at := r.i
	for r.i < len(r.s) && strings.IndexByte(",:]})", r.s[r.i]) < 0 && !isSpace(r.s[r.i]) {
		r.i++
	}
	return literal{kind: 'w', text: r.s[at:r.i]}
}

// str reads the string whose quote is at r.i; raw: \xNN is a byte, not a character.
func (r *reader) str(top, raw bool) string {
	quote := r.s[r.i]
	r.i++
	at := r.i
	// The common case has no escape and is a slice of the input.
	for r.i < len(r.s) && r.s[r.i] != '\\' {
		if r.s[r.i] == quote && (top || r.closes()) {
			out := r.s[at:r.i]
			r.i++
			return out
		}
		r.i++
	}
	out := []byte(r.s[at:r.i])
	for r.i < len(r.s) {
		c := r.s[r.i]
		switch {
		case c == '\\':
			out = r.escape(out, raw)
		case c == quote && (top || r.closes()):
			r.i++
			return validString(out)
		default:
			out = append(out, c)
			r.i++
		}
	}
	r.open = true
	return validString(out)
}

func validString(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// closes reports whether the quote at r.i ends its string: what follows continues
// the enclosing value. Otherwise it belongs to the text.
func (r *reader) closes() bool {
	const look = 16
	for i := r.i + 1; i < len(r.s) && i <= r.i+look; i++ {
		if isSpace(r.s[i]) {
			continue
		}
		return strings.IndexByte(",:}])", r.s[i]) >= 0
	}
	return true
}

// escape appends the character that the escape at r.i stands for.
func (r *reader) escape(out []byte, raw bool) []byte {
	if r.i+1 >= len(r.s) {
		r.i++
		return out
	}
	c := r.s[r.i+1]
	r.i += 2
	switch c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b', 'f':
		return append(out, ' ')
	case 'x':
		v, ok := r.hex(2)
		if !ok {
			return append(out, `\x`...)
		}
		if raw {
			return append(out, byte(v))
		}
		return utf8.AppendRune(out, rune(v))
	case 'u':
		v, ok := r.hex(4)
		if !ok {
			return append(out, `\u`...)
		}
		if utf16.IsSurrogate(rune(v)) && strings.HasPrefix(r.s[r.i:], `\u`) {
			r.i += 2
			if low, ok := r.hex(4); ok {
				return utf8.AppendRune(out, utf16.DecodeRune(rune(v), rune(low)))
			}
		}
		return utf8.AppendRune(out, rune(v))
	default: // a quote, a backslash, a slash; of any other the backslash goes
		return append(out, c)
	}
}

func (r *reader) hex(n int) (uint64, bool) {
	if r.i+n > len(r.s) {
		return 0, false
	}
	v, err := strconv.ParseUint(r.s[r.i:r.i+n], 16, 32)
	if err != nil {
		return 0, false
	}
	r.i += n
	return v, true
}
