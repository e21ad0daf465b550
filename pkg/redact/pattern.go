package redact

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// Compile reads a pattern for [Options]: a regular expression of RE2
// (https://github.com/google/re2/wiki/Syntax), which takes time linear in the text
// whatever the text is. The error says what is wrong and wraps [ErrSyntax] or
// [ErrEmptyMatch].
func Compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if fault := (*syntax.Error)(nil); errors.As(err, &fault) {
		return nil, fmt.Errorf("%w: %s; RE2 has no look-around and no back-references", ErrSyntax, fault.Code)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	for _, text := range []string{"", "a", "0 a"} {
		if at := re.FindStringIndex(text); len(at) == 2 && at[0] == at[1] {
			return nil, fmt.Errorf("%w: use + for * and say what a secret begins with", ErrEmptyMatch)
		}
	}
	return re, nil
}

// matches appends what the patterns find in s to spans, and puts all in order.
func (r *Redactor) matches(spans []span, s []byte) []span {
	n := len(spans)
	for _, re := range r.patterns {
		for _, at := range re.FindAllSubmatchIndex(s, -1) {
			if len(at) > 2 {
				at = at[2:] // the groups
			}
			for ; len(at) > 0; at = at[2:] {
				if found, ok := aroundMarkers(s, at[0], at[1]); ok {
					spans = append(spans, found)
				}
			}
		}
	}
	if len(spans) == n {
		return spans
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := spans[:1]
	for _, next := range spans[1:] {
		if last := &joined[len(joined)-1]; next.from < last.to {
			last.to = max(last.to, next.to)
		} else {
			joined = append(joined, next)
		}
	}
	return joined
}

// aroundMarkers is the span of what a pattern found, wholly with the markers that
// it touches. Where there is nothing but markers it says no.
func aroundMarkers(s []byte, from, to int) (span, bool) {
	if from < 0 || from == to {
		return span{}, false
	}
	const longest = len("[redacted:password]")
	for i, begin := max(0, from-longest), from; i < to; i++ {
		if s[i] != '[' {
			continue
		}
		n := markerLen(s[i:])
		if n == 0 || i+n < begin {
			continue
		}
		end := i + n + 1
		if i <= begin && end >= to { // of one marker
			return span{}, false
		}
		from, to = min(from, i), max(to, end)
		if i <= begin {
			begin = end
		}
		i = end - 1
	}
	return span{from, to, kindPattern}, true
}

// maxPasses is how often a text is looked at until nothing is found any more. What
// a pattern like \bx finds in xxxx depends on what was cut before it; one pass for
// each x would be too many.
const maxPasses = 4

// settle repeats pass on what it made, dst[begin:], until nothing is found. The
// built-in rules need one pass; it takes more with patterns.
func (r *Redactor) settle(dst []byte, begin int, pass func(dst, src []byte, whole bool) ([]byte, bool)) []byte {
	for n := 2; ; n++ {
		src := bytes.Clone(dst[begin:])
		var found bool
		if dst, found = pass(dst[:begin], src, n > maxPasses); !found {
			return dst
		}
	}
}
