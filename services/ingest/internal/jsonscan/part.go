package jsonscan

import (
	"bytes"
	"unicode/utf8"
)

// Beginning is [Text] of the first n bytes of a value that is longer, [Ending] of its
// last n: whole characters, an escape being one.
func Beginning(value []byte, n int) (text string, ok bool) {
	if len(value) <= n {
		return Text(value)
	}
	if value[0] != '"' {
		return string(bytes.ToValidUTF8(value[:runeStart(value, n)], []byte("\uFFFD"))), true
	}
	end := 1
	for end < n {
		slash := bytes.IndexByte(value[end:n], '\\')
		if slash < 0 {
			end = max(end, runeStart(value, n))
			break
		}
		end += slash
		escape := len(`\n`)
		if value[end+1] == 'u' { // there is a byte behind: the value is longer than n
			escape = len(`\u0000`)
		}
		if end+escape > n {
			break
		}
		end += escape
	}
	return unquote(append(value[:end:end], '"')), true
}

// Ending is described at [Beginning].
func Ending(value []byte, n int) (text string, ok bool) {
	if len(value) <= n {
		return Text(value)
	}
	rest := value[len(value)-n:]
	if value[0] != '"' {
		return string(bytes.ToValidUTF8(rest, nil)), true
	}
	const longest = len(`\ud83d\ude00`)
	for i := longest; i < len(rest); i++ {
		slash := bytes.LastIndexByte(rest[i-longest:i], '\\')
		if slash < 0 { // no escape is so long that it goes on here
			return unquote(append([]byte{'"'}, bytes.ToValidUTF8(rest[i:], nil)...)), true
		}
		i += slash
	}
	return "", true
}

// runeStart returns the largest index up to n at which a character begins.
func runeStart(b []byte, n int) int {
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}
