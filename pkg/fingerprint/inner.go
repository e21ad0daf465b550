package fingerprint

import "strings"

// maxLayers bounds how often a message is found inside a message: a gateway before
// a gateway, JSON in a JSON string, a repr of both.
const maxLayers = 8

// innermost returns the message inside all envelopes of msg. partial reports that
// it was cut in its middle, so its last words may be missing.
func innermost(msg string) (text string, partial bool) {
	s, cut, partial := cutAdditions(msg)
	for range maxLayers {
		s = stripPrefixes(s)
		inner, open, ok := structured(s)
		if !ok {
			break
		}
		// A value without an end is a cut message, unless what was cut off is an
		// addition: then the text before the addition is whole.
		partial = open && (partial || !cut)
		var added, truncated bool
		if s, added, truncated = cutAdditions(inner); added {
			cut, partial = true, truncated
		}
	}
	if t, ok := htmlTitle(s); ok {
		return t, false
	}
	if t, ok := lastOfTraceback(s); ok {
		return stripPrefixes(t), false
	}
	return strings.TrimSpace(s), partial
}

// maxStarts bounds how many places of a text are tried as the start of a literal.
const maxStarts = 4

// structured finds the JSON or the Python repr in s and returns the message it
// holds, behind the words before it where those say something. open reports that
// the text ended inside it.
func structured(s string) (message string, open, ok bool) {
	from := 0
	for range maxStarts {
		at := literalStart(s[from:])
		if at < 0 {
			return "", false, false
		}
		at += from
		before := strings.TrimSpace(s[:at])
		if message, open, ok = literalMessage(s[at:]); ok {
			if courteousPreamble(before) {
				return message, open, true
			}
			return before + " " + message, open, true
		}
		from = at + 1
	}
	return "", false, false
}

// literalStart returns the index of the first thing in s that looks like an object,
// a list of objects, or one of both in a string; -1 for none.
func literalStart(s string) int {
	for from := 0; from < len(s); {
		i := strings.IndexAny(s[from:], "{[")
		if i < 0 {
			return -1
		}
		i += from
		from = i + 1
		rest := strings.TrimLeft(s[from:min(len(s), from+8)], " \t\r\n\\")
		if rest == "" || strings.IndexByte(`"'{`, rest[0]) < 0 || s[i] == '[' && rest[0] != '{' {
			continue
		}
		// b'{…}', '{…}', "{…}": the string begins before the brace.
		if i > 0 && (s[i-1] == '"' || s[i-1] == '\'') && (i < 2 || !isAlnum(s[i-2]) || s[i-2] == 'b') {
			i--
			if i > 0 && s[i-1] == 'b' && (i < 2 || !isAlnum(s[i-2])) {
				i--
			}
		}
		return i
	}
	return -1
}

// literalMessage reads the literal at the start of s and returns its message.
func literalMessage(s string) (message string, open, ok bool) {
	for range 3 {
		if !escaped(s) {
			break
		}
		s = unescape(s)
	}
	r := reader{s: s}
	v := r.value(0, true)
	if v.kind == 's' {
		// One layer off; the caller's next round reads what is in it.
		return v.text, r.open, hasWord(v.text)
	}
	message, ok = pick(v, 0)
	return message, r.open, ok
}

// escaped reports whether s begins like {\"error\": the inside of a JSON string
// whose own quotes got lost.
func escaped(s string) bool {
	return strings.HasPrefix(strings.TrimLeft(s, "{[ \t\r\n"), `\`)
}

// unescape takes one layer of backslashes off quotes and backslashes.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// courteousPreamble reports whether the words before a literal say nothing that the
// message in it doesn't say: "Error code: 429 -", "Response from provider:".
func courteousPreamble(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > 80 {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r < 0x80 && !isLetter(byte(r)) }) {
		if _, ok := preambleWords[strings.ToLower(word)]; !ok {
			return false
		}
	}
	return true
}

// messageKeys are the keys that hold a message, best first: OpenAI, Anthropic and
// most others; AWS; FastAPI; OAuth; Spring, Cohere, Replicate.
var messageKeys = []string{
	"message", "Message", "msg", "error_message", "errorMessage", "error_description",
	"detail", "details", "faultstring", "reason", "title", "description",
}

// nestedKeys hold an object with the message of its own.
var nestedKeys = []string{"fault", "exception", "response", "body", "data", "result"}

// typeKeys name the error where there is no message.
var typeKeys = []string{"type", "__type", "code", "status", "reason"}

// pick returns the message in a JSON value.
func pick(v literal, depth int) (string, bool) {
	if depth > maxDepth {
		return "", false
	}
	switch v.kind {
	case 's':
		text := strings.TrimSpace(v.text)
		return text, !blank(text)
	case 'a':
		// Lists of varying length: the first element speaks for all.
		for _, e := range v.vals {
			if text, ok := pick(e, depth+1); ok && e.kind != 'w' {
				return text, true
			}
		}
		return "", false
	case 'o':
		return pickObject(v, depth)
	}
	return "", false
}

func pickObject(v literal, depth int) (string, bool) {
	// OpenRouter puts the provider's own answer beside "Provider returned error".
	if meta, ok := v.get("metadata"); ok {
		if raw, ok := meta.get("raw"); ok {
			if text, ok := pick(raw, depth+1); ok {
				return text, true
			}
		}
	}
	err, hasErr := v.get("error")
	if !hasErr {
		err, hasErr = v.get("errors")
	}
	short := ""
	if hasErr {
		text, ok := pick(err, depth+1)
		if ok && err.kind != 's' {
			return text, true
		}
		if ok {
			short = text
		}
	}
	for _, key := range messageKeys {
		m, ok := v.get(key)
		if !ok {
			continue
		}
		text, ok := pick(m, depth+1)
		if !ok {
			continue
		}
		if short != "" && short != text {
			return short + ": " + text, true // {"error": "invalid_grant", "message": "Token expired"}
		}
		return located(v, text), true
	}
	if short != "" {
		return short, true
	}
	for _, key := range nestedKeys {
		if n, ok := v.get(key); ok && n.kind == 'o' {
			if text, ok := pick(n, depth+1); ok {
				return text, true
			}
		}
	}
	for _, key := range typeKeys {
		if t, ok := v.get(key); ok && t.kind == 's' && hasWord(t.text) && !allDigits(t.text) {
			return t.text, true
		}
	}
	return "", false
}

// located puts FastAPI's field path before a validation message: "Field required"
// alone would merge every missing field.
func located(v literal, text string) string {
	loc, ok := v.get("loc")
	if !ok || loc.kind != 'a' {
		return text
	}
	parts := make([]string, 0, len(loc.vals))
	for _, p := range loc.vals {
		parts = append(parts, p.text)
	}
	return strings.Join(parts, ".") + ": " + text
}

// htmlTitle returns the title, else the first heading, of an HTML page: proxies and
// load balancers answer with one.
func htmlTitle(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if !hasPrefixFold(s, "<!doctype") && !hasPrefixFold(s, "<html") && !hasPrefixFold(s, "<head") {
		return "", false
	}
	head := s[:min(len(s), 4<<10)]
	lower := string(asciiLower(make([]byte, 0, len(head)), head))
	for _, tag := range []string{"title", "h1"} {
		_, after, ok := strings.Cut(lower, "<"+tag)
		if !ok {
			continue
		}
		at := len(lower) - len(after)
		open := strings.IndexByte(lower[at:], '>')
		if open < 0 {
			continue
		}
		text, _, _ := strings.Cut(head[at+open+1:], "<")
		if text = strings.TrimSpace(text); hasWord(text) {
			return text, true
		}
	}
	return "HTML page instead of an answer", true
}

// lastOfTraceback returns the exception of a traceback that stands in a message,
// unless words before the traceback already say what failed.
func lastOfTraceback(s string) (string, bool) {
	before, after, ok := strings.Cut(s, "Traceback (most recent call last)")
	if !ok {
		return "", false
	}
	before = strings.TrimSpace(before)
	last, ok := lastLine(after)
	if words(before) > thinWords || hasWord(before) && (!ok || strings.Contains(last, before)) {
		return before, true
	}
	return last, ok
}

// lastLine returns the last line of s that is not indented: of a traceback, the
// exception and its text.
func lastLine(s string) (string, bool) {
	s = strings.TrimRight(s, " \t\r\n")
	line := s[strings.LastIndexByte(s, '\n')+1:]
	if name := identifier(line); name == "" || isSpace(line[0]) {
		return "", false
	}
	return line, true
}

// wholeSentences returns the sentences of a cut text that are whole, so that cuts at
// different places are one kind more often; without one, all but the last word.
func wholeSentences(s string) string {
	for end := len(s); end > 0; {
		end = strings.LastIndexAny(s[:end], ".!?\n")
		if end < 0 {
			break
		}
		sentence := s[:end+1]
		if (end+1 == len(s) || isSpace(s[end+1]) || s[end] == '\n') && words(sentence) > thinWords {
			return sentence
		}
	}
	if i := strings.LastIndexByte(s, ' '); i > 0 && hasWord(s[:i]) {
		return s[:i]
	}
	return s
}
