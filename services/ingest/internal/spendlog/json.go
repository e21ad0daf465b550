package spendlog

import (
	"bytes"
	"unicode/utf8"
)

// form is how a type is printed in JSON.
type form uint8

const (
	formUnknown     form = iota // a string, as most types
	formString                  // a string, and row_to_json agrees
	formBool                    // t, f
	formNumber                  // as is, but NaN and Infinity quoted
	formJSON                    // as is
	formTimestamp               // with a T
	formTimestampTZ             // with a T and minutes in the offset
)

// formOf returns the form of a type by its OID (pg_type.dat of Postgres).
func formOf(oid uint32) form {
	switch oid {
	case 16: // bool
		return formBool
	case 20, 21, 23, 700, 701, 1700: // int8, int2, int4, float4, float8, numeric
		return formNumber
	case 114, 3802: // json, jsonb
		return formJSON
	case 1114: // timestamp
		return formTimestamp
	case 1184: // timestamptz
		return formTimestampTZ
	case 17, 18, 19, 25, 26, 869, 1042, 1043, 1082, 1083, 1186, 1266, 2950:
		// bytea, "char", name, text, oid, inet, char, varchar, date, time, interval, timetz, uuid
		return formString
	}
	return formUnknown
}

// JSON appends the row as Postgres' row_to_json prints it. The error is a
// [*DecodeError]; dst is then returned as it was.
func (l *Layout) JSON(dst []byte, row []Value) ([]byte, error) {
	if len(row) != len(l.columns) {
		return dst, &DecodeError{Err: ErrColumns}
	}
	begin := len(dst)
	dst = append(dst, '{')
	for i, v := range row {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, l.names[i]...)
		switch {
		case v.Null:
			dst = append(dst, "null"...)
		case v.Unchanged:
			return dst[:begin], &DecodeError{Column: l.columns[i].Name, Err: ErrUnchanged}
		default:
			dst = l.forms[i].append(dst, v.Text)
		}
	}
	return append(dst, '}'), nil
}

// append appends a value that is not NULL.
func (f form) append(dst, text []byte) []byte {
	switch f {
	case formBool:
		switch string(text) {
		case "t":
			return append(dst, "true"...)
		case "f":
			return append(dst, "false"...)
		}
	case formNumber:
		if isNumber(text) {
			return append(dst, text...)
		}
	case formJSON:
		return append(dst, repaired(text)...)
	case formTimestamp, formTimestampTZ:
		return appendTimestamp(dst, text, f == formTimestampTZ)
	}
	return appendString(dst, text)
}

// appendString appends text as a string with the escapes of Postgres' escape_json:
// quote, backslash and control characters, nothing else.
func appendString(dst, text []byte) []byte {
	text = repaired(text)
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

// appendTimestamp appends what Postgres calls XSD style: a T for the first blank,
// in an offset also the minutes. "infinity" and "0044-03-15 12:00:00 BC" have no
// more than that.
func appendTimestamp(dst, text []byte, zone bool) []byte {
	begin := len(dst)
	dst = appendString(dst, text)
	blank := bytes.IndexByte(dst[begin:], ' ')
	if blank < 0 {
		return dst
	}
	at := begin + blank
	dst[at] = 'T'
	sign := bytes.LastIndexAny(dst[at:], "+-")
	if !zone || sign < 0 {
		return dst
	}
	end := at + sign + 1
	for end < len(dst) && '0' <= dst[end] && dst[end] <= '9' {
		end++
	}
	if dst[end] == ':' {
		return dst
	}
	tail := bytes.Clone(dst[end:]) // the quote, or " BC" and the quote
	return append(append(dst[:end], ":00"...), tail...)
}

// isNumber reports whether text is a number of JSON: NaN and Infinity aren't.
func isNumber(text []byte) bool {
	rest := bytes.TrimPrefix(text, []byte("-"))
	whole := digits(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[whole:]
	if len(rest) > 0 && rest[0] == '.' {
		n := digits(rest[1:])
		if n == 0 {
			return false
		}
		rest = rest[1+n:]
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := digits(rest)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	return len(rest) == 0
}

func digits(s []byte) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// repaired is text itself if it is valid UTF-8.
func repaired(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}
