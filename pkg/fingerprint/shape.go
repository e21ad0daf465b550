package fingerprint

import "strings"

// shape returns the slot of a single word by how it looks, "" if it is no slot.
// The word has no spaces and no quotes; see [wordByte].
func shape(t string) string {
	if len(t) < 2 {
		if t != "" && isDigit(t[0]) {
			return slotNumber
		}
		return ""
	}
	digit := hasDigit(t)
	switch {
	case strings.Contains(t, "://"):
		return slotURL
	case keyShape(t) || redaction(t) == len(t):
		return slotKey
	case strings.HasPrefix(t, "arn:"):
		return slotID
	case emailShape(t):
		return slotEmail
	case digit && (uuidShape(t) || hashShape(t)):
		return slotID
	case digit && dateShape(t):
		return slotTime
	case digit && clockShape(t):
		return slotTime
	case digit && addressShape(t):
		return slotHost
	case digit && numberShape(t):
		return slotNumber
	case address6Shape(t):
		return slotHost
	case idShape(t, digit):
		return slotID
	case hostShape(t):
		return slotHost
	case modelShape(t):
		return slotModel
	case pathShape(t):
		return slotPath
	case digit && randomShape(t):
		return slotID
	case t == "REDACTED":
		return slotValue // LiteLLM 1.106 puts it for key hashes
	}
	return ""
}

// redaction returns the length of the marker that package redact left at the start
// of s in place of a secret, 0 if there is none: "[redacted:key]".
func redaction(s string) int {
	const begin, longest = "[redacted:", 32
	if !strings.HasPrefix(s, begin) {
		return 0
	}
	return strings.IndexByte(s[:min(len(s), longest)], ']') + 1
}

// wordByte reports whether c may be part of a word that [shape] judges.
func wordByte(c byte) bool {
	return isAlnum(c) || c < 0x80 && strings.IndexByte("_-./:@+%~*\\", c) >= 0
}

func keyShape(t string) bool {
	if strings.Contains(t, "***") {
		return true
	}
	for _, p := range keyPrefixes {
		rest, ok := strings.CutPrefix(t, p)
		if !ok {
			continue
		}
		if p == "sk-" && len(rest) >= 4 {
			return plainName(rest) || strings.Contains(rest, "...") // sk-...Shu7
		}
		return plainName(rest) && (len(rest) >= 12 && hasDigit(rest) || len(rest) >= 24)
	}
	return false
}

func emailShape(t string) bool {
	user, host, ok := strings.Cut(t, "@")
	return ok && user != "" && strings.Contains(host, ".") && isLetter(host[len(host)-1])
}

// dateShape: 2026-11-23, 2026/11/23, 2026-11-23T07:13:10.772Z.
func dateShape(t string) bool {
	if len(t) < 10 || leadingDigits(t) != 4 || t[4] != '-' && t[4] != '/' || t[7] != t[4] {
		return false
	}
	if !allDigits(t[5:7]) || !allDigits(t[8:10]) {
		return false
	}
	return len(t) == 10 || t[10] == 'T' && strings.Trim(t[11:], "0123456789:.+-Z") == ""
}

// clockShape: 07:13, 07:13:10, 07:04:21.772000+00:00.
func clockShape(t string) bool {
	n := leadingDigits(t)
	return (n == 1 || n == 2) && len(t) >= n+3 && t[n] == ':' && leadingDigits(t[n+1:]) == 2 &&
		strings.Trim(t[n+3:], "0123456789:.+-Z") == ""
}

// addressShape: an IPv4 address, with a port or a path.
func addressShape(t string) bool {
	host, _, _ := strings.Cut(t, "/")
	host, port, ok := strings.Cut(host, ":")
	if ok && !allDigits(port) {
		return false
	}
	n := 0
	for part := range strings.SplitSeq(host, ".") {
		if !allDigits(part) || len(part) > 3 {
			return false
		}
		n++
	}
	return n == 4
}

// address6Shape: an IPv6 address.
func address6Shape(t string) bool {
	colons := 0
	for i := range len(t) {
		switch c := t[i]; {
		case c == ':':
			colons++
		case !isHex(c) && c != '.':
			return false
		}
	}
	return colons >= 2
}

// numberShape: 12, 1,234.5, 1e-06, 120ms, 2m30s, 14.337s, 128k, 50%, 0-1, 3/4.
func numberShape(t string) bool {
	t = strings.TrimLeft(t, "-+~")
	if t == "" || !isDigit(t[0]) {
		return false
	}
	for t != "" {
		n := 0
		for n < len(t) && (isDigit(t[n]) || strings.IndexByte(".,_-+/:%~", t[n]) >= 0) {
			n++
		}
		t = t[n:]
		n = 0
		for n < len(t) && isLetter(t[n]) {
			n++
		}
		if n > 0 {
			if _, ok := units[t[:n]]; !ok {
				return false
			}
			t = t[n:]
		} else if t != "" {
			return false
		}
	}
	return true
}

// idShape: UUIDs, hashes, 0x…, ids with a known prefix.
func idShape(t string, digit bool) bool {
	for _, p := range idPrefixes {
		if rest, ok := strings.CutPrefix(t, p); ok {
			return len(rest) >= 6 && plainName(rest) && (hasDigit(rest) || mixedCase(rest))
		}
	}
	if strings.HasPrefix(t, "0x") && len(t) > 3 {
		return true
	}
	hex := 0
	for i := range len(t) {
		switch {
		case isHex(t[i]):
			hex++
		case t[i] != '-':
			return false
		}
	}
	return digit && hex >= 8 || hex >= 16
}

// uuidShape: 8-4-4-4-12 hex digits.
func uuidShape(t string) bool {
	if len(t) != 36 {
		return false
	}
	for i := range len(t) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (t[i] == '-') || !dash && !isHex(t[i]) {
			return false
		}
	}
	return true
}

// hashShape: a long hex number that is not decimal.
func hashShape(t string) bool {
	if len(t) < 12 || allDigits(t) {
		return false
	}
	for i := range len(t) {
		if !isHex(t[i]) {
			return false
		}
	}
	return true
}

// plainName reports whether t has only letters, digits, dashes and underscores.
func plainName(t string) bool {
	for i := range len(t) {
		if c := t[i]; !isAlnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return t != ""
}

func mixedCase(t string) bool {
	upper, lower := 0, 0
	for i := range len(t) {
		if isUpper(t[i]) {
			upper++
		} else if isLower(t[i]) {
			lower++
		}
	}
	return upper >= 2 && lower >= 2
}

// hostShape: names under a known top-level domain, localhost, name-1:8080.
func hostShape(t string) bool {
	host, port, ok := strings.Cut(t, ":")
	if ok {
		if port, _, _ = strings.Cut(port, "/"); !allDigits(port) {
			return false
		}
	} else {
		host, _, _ = strings.Cut(t, "/")
	}
	if host == "localhost" {
		return true
	}
	dot := strings.LastIndexByte(host, '.')
	if dot > 0 {
		if _, tld := topLevelDomains[strings.ToLower(host[dot+1:])]; tld {
			return true
		}
	}
	return ok && len(port) >= 2 && len(port) <= 5 && strings.IndexByte(host, '-') > 0
}

// modelShape: a name of a known family with a digit or a connector besides.
func modelShape(t string) bool {
	if !nameShape(t) || t[0] == '/' || t[0] == '.' {
		return false
	}
	var buf [64]byte
	lower := string(asciiLower(buf[:0], t[:min(len(t), 64)]))
	for {
		for _, f := range modelFamilies {
			if strings.HasPrefix(lower, f) && (len(f) > 2 || len(lower) == 2 || lower[2] == '-') {
				return true
			}
		}
		i := strings.IndexByte(lower, '/')
		if i < 0 {
			return false
		}
		lower = lower[i+1:]
	}
}

// nameShape: a word that can be a model's name and no plain word: it has a digit,
// a dash, a slash or a colon inside.
func nameShape(t string) bool {
	return strings.ContainsAny(t, "0123456789-/:") && isAlnum(t[len(t)-1])
}

func pathShape(t string) bool {
	switch {
	case strings.HasPrefix(t, "/"), strings.HasPrefix(t, "~/"), strings.HasPrefix(t, "./"), strings.HasPrefix(t, "../"):
		return hasWord(t)
	case len(t) > 3 && t[1] == ':' && t[2] == '\\':
		return true
	}
	return strings.Count(t, "/") >= 2 && strings.Contains(t, ".")
}

// randomShape: letters and digits that change places often, as no word does.
func randomShape(t string) bool {
	if len(t) < 10 {
		return false
	}
	changes, last := 0, byte(0)
	for i := range len(t) {
		var now byte
		switch c := t[i]; {
		case isDigit(c):
			now = 'd'
		case isLetter(c):
			now = 'l'
		case c == '-' || c == '_':
			continue
		default:
			return false
		}
		if last != 0 && now != last {
			changes++
		}
		last = now
	}
	return changes >= 4 || changes >= 2 && len(t) >= 16 || len(t) >= 20 && mixedCase(t)
}
