package fingerprint

import (
	"slices"
	"strings"
)

// classify returns the first rule that matches e and its template.
func classify(e Error, template string) rule {
	var buf [maxTemplate]byte
	lower := string(asciiLower(buf[:0], template))
	exception := exceptionName(e.Class)
	pairs := pairsOf(lower)
	for i := range rules {
		if rules[i].applies(exception, e.Code) && wordsOf[i].in(lower, &pairs) {
			return rules[i]
		}
	}
	return rules[len(rules)-1] // not reached: the last rule asks for nothing
}

// applies reports whether the rule's exceptions and codes allow this one.
func (r *rule) applies(exception, code string) bool {
	return (len(r.exceptions) == 0 || slices.Contains(r.exceptions, exception)) &&
		(len(r.codes) == 0 || slices.Contains(r.codes, code))
}

// phrases are a rule's words, taken apart: all of them, each met by any alternative.
type phrases [][]string

// wordsOf has the phrases of each rule, read-only.
var wordsOf = func() []phrases {
	out := make([]phrases, len(rules))
	for i, r := range rules {
		for _, alternatives := range r.words {
			out[i] = append(out[i], strings.Split(alternatives, "|"))
		}
	}
	return out
}()

func (p phrases) in(lower string, pairs *pairSet) bool {
	for _, alternatives := range p {
		if !slices.ContainsFunc(alternatives, func(word string) bool {
			return pairs.mayHold(word) && strings.Contains(lower, word)
		}) {
			return false
		}
	}
	return true
}

// pairSet holds which pairs of neighbouring bytes occur in a text, with collisions:
// most words of the table are ruled out by their first or last pair, unsearched.
type pairSet [pairBits / 64]uint64

const pairBits = 4096

func pairsOf(s string) pairSet {
	var set pairSet
	for i := 1; i < len(s); i++ {
		h := pairHash(s[i-1], s[i])
		set[h/64] |= 1 << (h % 64)
	}
	return set
}

func (p *pairSet) mayHold(word string) bool {
	n := len(word)
	if n < 2 {
		return true
	}
	first, last := pairHash(word[0], word[1]), pairHash(word[n-2], word[n-1])
	return p[first/64]&(1<<(first%64)) != 0 && p[last/64]&(1<<(last%64)) != 0
}

func pairHash(a, b byte) uint { return (uint(a)*61 ^ uint(b)*7) % pairBits }
