// Package jsonscan reads single members of a JSON object without decoding the
// rest: of LiteLLM's metadata, up to 14 KB a row, Faultwire needs ten short fields,
// and encoding/json took 42 % of the whole run for it.
//
// It does not validate. What comes out of a json or jsonb column is valid; of what
// is not, the members up to the fault are seen, and nothing panics.
package jsonscan

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"unicode/utf8"
)

var (
	// ErrNotObject: the document is something else than a JSON object.
	ErrNotObject = errors.New("not a JSON object")
	// ErrSyntax: the object breaks off or is malformed.
	ErrSyntax = errors.New("malformed JSON")
)

// Member is a member of an object. Name is decoded, Value is its JSON text without
// blanks around it, which begins at byte At. Both may be parts of the document:
// don't change them.
type Member struct {
	Name, Value []byte
	At          int
}

// Members returns the members of the object in doc, in their order. On a fault the
// last pair is an error that wraps ErrNotObject or ErrSyntax.
func Members(doc []byte) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		i := skipBlank(doc, 0)
		if i == len(doc) || doc[i] != '{' {
			yield(Member{}, ErrNotObject)
			return
		}
		i = skipBlank(doc, i+1)
		if i < len(doc) && doc[i] == '}' {
			return
		}
		for {
			m, next := member(doc, i)
			if next < 0 {
				yield(Member{}, ErrSyntax)
				return
			}
			if !yield(m, nil) {
				return
			}
			i = skipBlank(doc, next)
			switch {
			case i < len(doc) && doc[i] == '}':
				return
			case i < len(doc) && doc[i] == ',':
				i = skipBlank(doc, i+1)
			default:
				yield(Member{}, ErrSyntax)
				return
			}
		}
	}
}

// member reads the member that begins at i; next is behind it, -1 on a fault.
func member(doc []byte, i int) (m Member, next int) {
	if i >= len(doc) || doc[i] != '"' {
		return Member{}, -1
	}
	nameEnd := skipString(doc, i)
	if nameEnd < 0 {
		return Member{}, -1
	}
	m.Name = doc[i+1 : nameEnd-1]
	if bytes.IndexByte(m.Name, '\\') >= 0 {
		m.Name = []byte(unquote(doc[i:nameEnd]))
	}
	i = skipBlank(doc, nameEnd)
	if i >= len(doc) || doc[i] != ':' {
		return Member{}, -1
	}
	i = skipBlank(doc, i+1)
	end := skipValue(doc, i)
	if end < 0 {
		return Member{}, -1
	}
	m.Value, m.At = doc[i:end], i
	return m, end
}

// Text returns what Postgres' operator ->> makes of a value: a string without its
// quotes, nothing of null, else the JSON text. A string that is not valid UTF-8 is
// repaired.
func Text(value []byte) (text string, ok bool) {
	switch {
	case len(value) == 0 || string(value) == "null":
		return "", false
	case value[0] != '"':
		return string(value), true
	default:
		return unquote(value), true
	}
}

// unquote returns the text of a JSON string; of a malformed one what is between
// the quotes.
func unquote(value []byte) string {
	inner := bytes.TrimSuffix(value[1:], []byte{'"'})
	text, ok := unescape(inner)
	if !ok {
		text = string(inner)
	}
	if utf8.ValidString(text) { // several times faster than ToValidUTF8 is
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// skipValue returns the end of the value that begins at i, -1 if there is none.
func skipValue(doc []byte, i int) int {
	if i >= len(doc) {
		return -1
	}
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		return skipNested(doc, i)
	}
	from := i
	for i < len(doc) && doc[i] != ',' && doc[i] != '}' && doc[i] != ']' && !isBlank(doc[i]) {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

// skipNested returns the end of the object or array that begins at i.
func skipNested(doc []byte, i int) int {
	for depth := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			end := skipString(doc, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// skipString returns the end, behind the closing quote, of the string that begins
// at i.
func skipString(doc []byte, i int) int {
	i++
	quote := -1
	for i <= len(doc) {
		if quote < i { // the last one was escaped
			n := bytes.IndexByte(doc[i:], '"')
			if n < 0 {
				return -1
			}
			quote = i + n
		}
		slash := bytes.IndexByte(doc[i:quote], '\\')
		if slash < 0 {
			return quote + 1
		}
		i += slash + 2
	}
	return -1
}

func skipBlank(doc []byte, i int) int {
	for i < len(doc) && isBlank(doc[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
