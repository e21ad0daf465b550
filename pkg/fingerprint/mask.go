package fingerprint

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMasked bounds the masked text before its courtesies are dropped.
const maxMasked = 4 * maxTemplate

// mask returns the template of a text: what varies from request to request becomes
// a slot, what says what failed stays. One pass over the bytes.
func mask(s string) string {
	m := masker{s: s, spans: findRuns(s), out: make([]byte, 0, min(len(s)+64, maxMasked+64))}
	for m.i < len(s) && len(m.out) < maxMasked {
		m.step()
	}
	if crossed := crossedLimits(s); crossed != "" {
		m.out = append(append(m.out, " crossed: "...), crossed...)
	}
	return finish(m.out)
}

// masker is one pass over one text.
type masker struct {
	s     string
	i     int
	out   []byte
	spans []span // of runs, ascending
	// context is what the word before says the next name or value is.
	context int
}

// A span is a part of the text that is a slot whatever it holds.
type span struct {
	start, end int
	slot       string
}

// findRuns returns the spans of all runs in s, ascending and apart.
func findRuns(s string) []span {
	var spans []span
	for _, r := range runs {
		i := strings.Index(s, r.before)
		if i < 0 {
			continue
		}
		start, end := i+len(r.before), -1
		for _, u := range r.until {
			if j := strings.Index(s[start:], u); j >= 0 && (end < 0 || start+j < end) {
				end = start + j
			}
		}
		if end < 0 && r.toEnd {
			end = len(strings.TrimRight(s, ". \n"))
		}
		if end > start {
			spans = append(spans, span{start, end, r.slot})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	apart := spans[:0]
	for _, sp := range spans {
		if len(apart) == 0 || sp.start >= apart[len(apart)-1].end {
			apart = append(apart, sp)
		}
	}
	return apart
}

// step takes the next thing of the text: a run, a quoted value, a bracket, a word,
// or one character.
func (m *masker) step() {
	for len(m.spans) > 0 && m.spans[0].start < m.i {
		m.spans = m.spans[1:] // inside of something already taken
	}
	if len(m.spans) > 0 && m.spans[0].start == m.i {
		m.slot(m.spans[0].slot)
		m.i = m.spans[0].end
		return
	}
	c := m.s[m.i]
	switch {
	case c == '\n':
		m.newline()
	case isSpace(c):
		m.put(' ')
	case c == '"' || c == '\'' || c == '`':
		m.quote(c)
	case c == '[' || c == '{':
		m.bracket(c)
	case c == '<' && m.repr():
	case wordStart(m.s, m.i):
		m.word()
	case c >= 0x80:
		m.rune()
	default:
		m.punctuation(c)
	}
}

// put appends one byte and moves on; runs of spaces are one.
func (m *masker) put(c byte) {
	if n := len(m.out); c != ' ' || n > 0 && m.out[n-1] != ' ' && m.out[n-1] != '\n' {
		m.out = append(m.out, c)
	}
	m.i++
}

// newline ends a sentence: it stays a line break until [finish].
func (m *masker) newline() {
	for n := len(m.out); n > 0 && m.out[n-1] == ' '; n-- {
		m.out = m.out[:n-1]
	}
	if n := len(m.out); n > 0 && m.out[n-1] != '\n' {
		m.out = append(m.out, '\n')
	}
	m.context = contextNone
	m.i++
}

func (m *masker) punctuation(c byte) {
	if strings.IndexByte(".,;!?)", c) >= 0 {
		m.context = contextNone
	}
	m.put(c)
}

// rune copies a character of another script; quotes of those scripts are quotes.
func (m *masker) rune() {
	r, n := utf8.DecodeRuneInString(m.s[m.i:])
	if end, ok := closingQuote[r]; ok {
		const limit = 600
		rest := m.s[m.i+n : min(len(m.s), m.i+n+limit)]
		if j := strings.IndexRune(rest, end); j >= 0 {
			m.quoted(rest[:j])
			m.i += n + j + utf8.RuneLen(end)
			return
		}
	}
	m.i += n
	switch {
	case unicode.IsSpace(r):
		m.i--
		m.put(' ')
	case r == utf8.RuneError || unicode.IsControl(r) || !unicode.IsGraphic(r):
	default:
		m.out = utf8.AppendRune(m.out, r)
		m.context = contextNone
	}
}

// closingQuote is read-only.
var closingQuote = map[rune]rune{'“': '”', '‘': '’', '「': '」', '『': '』', '«': '»'}

// slot appends a slot; a second one of its sort behind a comma is the same list.
func (m *masker) slot(slot string) {
	m.context = contextNone
	for _, sep := range []string{", ", ",", " ", " and ", " or ", ", and ", ", or "} {
		n := len(m.out) - len(slot) - len(sep)
		if n >= 0 && string(m.out[n:n+len(slot)]) == slot && string(m.out[n+len(slot):]) == sep {
			m.out = m.out[:n+len(slot)]
			return
		}
	}
	m.out = append(m.out, slot...)
}

// word takes the word at m.i.
func (m *masker) word() {
	limit := len(m.s)
	if len(m.spans) > 0 {
		limit = m.spans[0].start
	}
	if end := m.url(limit); end > 0 {
		m.slot(slotURL)
		m.i = end
		return
	}
	end := m.i
	for end < limit && wordByte(m.s[end]) {
		end++
	}
	// Punctuation at the end belongs to the sentence.
	for end > m.i+1 && strings.IndexByte(".:-/+\\%~@", m.s[end-1]) >= 0 {
		end--
	}
	t := m.s[m.i:end]
	afterEquals := len(m.out) > 0 && m.out[len(m.out)-1] == '='
	m.i = end
	slot := shape(t)
	switch {
	case m.context == contextStatus && len(t) == 3 && allDigits(t) && (t[0] == '4' || t[0] == '5'):
		m.out = append(m.out, t...)
		m.context = contextNone
	case m.context == contextModel && (nameShape(t) && slot != slotNumber || afterEquals):
		m.slot(slotModel)
	case slot == "" && hasDigit(t) && nameShape(t) && m.before("model", "deployment"):
		m.slot(slotModel)
	case slot == slotHost && strings.Count(t, "/") == 1 && !hasDigit(t[strings.IndexByte(t, '/'):]):
		// Google's metrics: generativelanguage.googleapis.com/generate_content_free_tier_requests
		m.slot(slotHost)
		m.out = append(m.out, t[strings.IndexByte(t, '/'):]...)
	case slot == slotModel && strings.HasPrefix(t, "limit_"):
		// OpenRouter: "limit_rpd/google/gemini-2.0-flash/54276bca-…"
		m.out = append(appendGeneric(m.out, t[:strings.IndexByte(t, '/')+1]), slotModel...)
	case slot != "":
		m.slot(slot)
	case m.zone(t):
	default:
		m.out = appendGeneric(m.out, t)
		m.setContext(t)
	}
}

// url returns the end of the URL at m.i, 0 if there is none.
func (m *masker) url(limit int) int {
	const scheme = 12
	i := m.i
	for i < limit && i < m.i+scheme && (isLetter(m.s[i]) || m.s[i] == '+') {
		i++
	}
	if i == m.i || !strings.HasPrefix(m.s[i:limit], "://") {
		return 0
	}
	for i < limit && m.s[i] > ' ' && strings.IndexByte("\"'`<>)]}", m.s[i]) < 0 {
		i += max(1, redaction(m.s[i:]))
	}
	i = min(i, limit)
	for strings.IndexByte(".,;:!?", m.s[i-1]) >= 0 {
		i--
	}
	return i
}

// before reports whether the next word is one of names.
func (m *masker) before(names ...string) bool {
	rest := strings.TrimLeft(m.s[m.i:min(len(m.s), m.i+16)], " ")
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(rest, n) })
}

// zone takes the time zone behind a time.
func (m *masker) zone(t string) bool {
	n := len(m.out) - len(slotTime) - 1
	return (t == "UTC" || t == "GMT" || t == "AM" || t == "PM") && n >= 0 && string(m.out[n:]) == slotTime+" "
}

func (m *masker) setContext(t string) {
	if len(t) > 16 {
		m.context = contextNone
		return
	}
	var buf [16]byte
	switch c := contexts[string(asciiLower(buf[:0], t))]; {
	case c == contextSame && m.context != contextNone:
	case c == contextSame:
		m.context = contextValue
	default:
		m.context = c
	}
}

// wordStart reports whether a word begins at s[i].
func wordStart(s string, i int) bool {
	c := s[i]
	if isAlnum(c) || c == '_' {
		return true
	}
	next := byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch c {
	case '/', '~':
		return isLetter(next) || next == '/' && c == '~'
	case '-', '+':
		return isDigit(next) && (i == 0 || isSpace(s[i-1]) || strings.IndexByte("=(:[", s[i-1]) >= 0)
	case '.':
		return next == '/' || next == '.' && i+2 < len(s) && s[i+2] == '/'
	case '*':
		return next == '*' && i+2 < len(s) && s[i+2] == '*'
	}
	return false
}

// appendGeneric appends a word that is no slot: its numbers become slots.
func appendGeneric(out []byte, t string) []byte {
	start := len(out)
	for i := 0; i < len(t); {
		if !isDigit(t[i]) {
			out = append(out, t[i])
			i++
			continue
		}
		i += leadingDigits(t[i:])
		// 1.25.3 is one number.
		if n := len(out) - len(slotNumber) - 1; n >= start && string(out[n:n+len(slotNumber)]) == slotNumber && !isLetter(out[len(out)-1]) {
			out = out[:n]
		}
		out = append(out, slotNumber...)
	}
	return out
}
