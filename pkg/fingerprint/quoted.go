package fingerprint

import "strings"

// quote takes the quoted text whose opening quote is at m.i, else the quote alone.
func (m *masker) quote(c byte) {
	end := closing(m.s, m.i)
	if end < 0 {
		if c == '\'' && m.i > 0 && isAlnum(m.s[m.i-1]) {
			m.put(c) // an apostrophe
			return
		}
		m.i++ // a quote without a partner: the text was cut
		return
	}
	content := m.s[m.i+1 : end]
	if n := quotedList(m.s, end+1); n > 0 {
		m.slot(slotList)
		m.i = n
		return
	}
	if len(content) > 4 && (content[0] == '4' || content[0] == '5') && leadingDigits(content) == 3 && content[3] == ' ' {
		m.out = append(m.out, mask(content)...) // httpx: Client error '429 Too Many Requests' for url
		m.i = end + 1
		return
	}
	m.quoted(content)
	m.i = end + 1
}

// quoted appends what stands for a quoted text: a slot, or the text where it is a
// name that says what failed ('temperature', `tool_use_id`).
func (m *masker) quoted(content string) {
	const longest = 40
	content = strings.TrimSpace(content)
	if strings.Contains(content, "://") && !strings.ContainsAny(content, " \n") {
		m.slot(slotURL)
		return
	}
	plain := content != "" && len(content) <= longest
	for i := 0; plain && i < len(content); i++ {
		plain = wordByte(content[i]) || content[i] == '[' || content[i] == ']'
	}
	slot := slotValue
	if plain {
		slot = shape(content)
	}
	switch {
	case m.context == contextModel && slot != slotNumber:
		m.slot(slotModel)
	case m.context == contextValue && (slot == "" || slot == slotModel):
		m.slot(slotValue)
	case slot != "":
		m.slot(slot)
	default:
		m.out = append(m.out, '\'')
		m.out = appendGeneric(m.out, content)
		m.out = append(m.out, '\'')
		m.context = contextNone
	}
}

// Limits of the search for a closing quote: how far, and how many quotes that
// belong to words (don't) are passed over.
const (
	maxQuoted     = 1000
	maxApostrophe = 8
)

// closing returns the index of the quote that closes the one at s[i], -1 if s[i]
// opens nothing.
func closing(s string, i int) int {
	c := s[i]
	if c != '`' && i > 0 && isAlnum(s[i-1]) {
		return -1
	}
	end := min(len(s), i+maxQuoted)
	for at, tries := i+1, 0; tries < maxApostrophe; tries++ {
		j := strings.IndexByte(s[at:end], c)
		if j < 0 {
			return -1
		}
		at += j
		if c == '`' || at+1 >= len(s) || !isAlnum(s[at+1]) && s[at+1] < 0x80 || c == '"' {
			return at
		}
		at++
	}
	return -1
}

// quotedList returns the end of a list whose first quoted element ended before i:
// 'a', 'b' and 'c'. 0 if no further element follows a comma.
func quotedList(s string, i int) int {
	end := 0
	for i < len(s) {
		sep := 0
		for _, p := range []string{", and ", ", or ", ", ", ","} {
			if strings.HasPrefix(s[i:], p) {
				sep = len(p)
				break
			}
		}
		if sep == 0 && end > 0 {
			// The last element: 'a', 'b' and 'c'.
			for _, p := range []string{" and ", " or "} {
				if strings.HasPrefix(s[i:], p) {
					sep = len(p)
				}
			}
		}
		i += sep
		if sep == 0 || i >= len(s) || strings.IndexByte("\"'`", s[i]) < 0 {
			return end
		}
		j := closing(s, i)
		if j < 0 {
			return end
		}
		i, end = j+1, j+1
	}
	return end
}

// bracket takes a list or an object of values as one slot; brackets around words stay.
func (m *masker) bracket(c byte) {
	if n := redaction(m.s[m.i:]); n > 0 {
		m.slot(slotKey)
		m.i += n
		return
	}
	rest := strings.TrimLeft(m.s[m.i+1:min(len(m.s), m.i+9)], " \n")
	values := rest != "" && strings.IndexByte("'\"{[", rest[0]) >= 0
	if c == '{' {
		values = values || rest != "" && rest[0] == '}'
	} else {
		values = values || rest != "" && (rest[0] == ']' || isDigit(rest[0]))
	}
	if !values {
		m.put(c)
		return
	}
	end := balanced(m.s, m.i)
	if n := end - m.i; n > 2 && allDigits(m.s[m.i+1:end-1]) {
		m.out = append(m.out, "["+slotNumber+"]"...) // messages.[3].role
	} else {
		m.slot(slotList)
	}
	m.i = end
}

// balanced returns the index behind the bracket that closes the one at s[i], the
// end of the text if none does.
func balanced(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// repr takes a Python repr like <ssl.SSLContext object at 0x7f89…>.
func (m *masker) repr() bool {
	const limit = 200
	rest := m.s[m.i:min(len(m.s), m.i+limit)]
	end := strings.IndexByte(rest, '>')
	if end < 0 || !strings.Contains(rest[:end], " at 0x") {
		return false
	}
	m.slot(slotValue)
	m.i += end + 1
	return true
}
