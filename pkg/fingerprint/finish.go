package fingerprint

import "strings"

// finish drops the courtesies behind the first sentence, makes one line of the rest
// and cuts it to a template's length.
func finish(masked []byte) string {
	s := string(masked)
	out := make([]byte, 0, len(s))
	for first := true; s != ""; first = false {
		n := sentence(s)
		if text := strings.TrimSpace(s[:n]); first || !courteous(text) {
			if len(out) > 0 && text != "" {
				out = append(out, ' ')
			}
			out = append(out, text...)
		}
		s = s[n:]
	}
	t := clip(string(out), maxTemplate)
	return strings.Trim(t, " .,:;!-")
}

// sentence returns the length of the first sentence of s, with its end.
func sentence(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\n':
			return i + 1
		case '.', '!', '?':
			if i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n' {
				return i + 1
			}
		case "。"[0]:
			if strings.HasPrefix(s[i:], "。") {
				return i + len("。")
			}
		}
	}
	return len(s)
}

func courteous(sentence string) bool {
	for _, c := range courtesies {
		if hasPrefixFold(sentence, c) {
			return true
		}
	}
	return false
}

// crossedLimits reads which limits LiteLLM's old rate limit handler found crossed
// (up to 1.67). Its text lists all of them, so only the numbers tell the cause:
// "current rpm: 1, rpm limit: 1, current tpm: 33, tpm limit: 9223372036854775807".
func crossedLimits(s string) string {
	if !strings.Contains(s, "Rate Limit Handler") {
		return ""
	}
	var crossed []string
	for _, l := range []struct{ current, limit, name string }{
		{"current rpm: ", ", rpm limit: ", "rpm"},
		{"current tpm: ", ", tpm limit: ", "tpm"},
		{"current max_parallel_requests: ", ", max_parallel_requests: ", "max_parallel_requests"},
	} {
		current, ok := numberAfter(s, l.current)
		limit, ok2 := numberAfter(s, l.limit)
		if ok && ok2 && current >= limit {
			crossed = append(crossed, l.name)
		}
	}
	return strings.Join(crossed, " ")
}

// numberAfter returns the whole number behind the words. Beyond 18 digits it is the
// largest there is: LiteLLM writes sys.maxsize for "no limit".
func numberAfter(s, words string) (uint64, bool) {
	_, after, ok := strings.Cut(s, words)
	if !ok {
		return 0, false
	}
	digits := after
	n := leadingDigits(digits)
	if n == 0 {
		return 0, false
	}
	if n > 18 {
		return 1<<64 - 1, true
	}
	var v uint64
	for _, c := range []byte(digits[:n]) {
		v = v*10 + uint64(c-'0')
	}
	return v, true
}
