package redact

import (
	"math"
	"regexp"
	"sync"
)

// Options are the settings of a [Redactor]. The zero value is useful.
type Options struct {
	// Names are further names whose values are secrets, beside the built-in ones.
	// Case, '_', '-' and blanks don't matter, and a longer name that ends in one
	// counts: "pin" covers "Card-PIN". Names under three letters are ignored.
	Names []string
	// Patterns find further secrets, see [Compile]. They are tried on every text and
	// on the text of every string of JSON. Where a pattern has groups, the groups are
	// cut, else the whole match.
	Patterns []*regexp.Regexp
}

// Redactor takes secrets out of text. It may be used by several goroutines.
type Redactor struct {
	names    [256][]secretName // by the last byte
	patterns []*regexp.Regexp
	prefixes [256][]prefix // by the byte before the last
	// trigger holds, by byte, which bytes may stand before it where find looks closer,
	// prefixEnds and ends those before the last byte of a prefix without its '-' or '_'
	// and of a name. They rule nearly everything out.
	trigger, prefixEnds, ends [256]uint32
	scratch                   sync.Pool // of *scratch
}

type scratch struct {
	text  []byte
	spans []span
}

// New makes a Redactor.
func New(o Options) *Redactor {
	r := &Redactor{patterns: o.Patterns}
	r.scratch.New = func() any { return new(scratch) }
	for _, n := range secretNames() {
		r.addName(n)
	}
	for _, name := range o.Names {
		if folded := fold(nil, []byte(name)); len(folded) >= minName {
			r.addName(secretName{end: string(folded), kind: kindKey})
		}
	}
	for _, name := range textNames() {
		r.addEnd(name)
	}
	for _, c := range []byte("ABb[:=") {
		r.trigger[c] = math.MaxUint32
	}
	for c, before := range map[byte]string{'-': "-", 'J': "y", 'p': "a", ',': `"'`, '.': "0123456789abcdefABCDEFs"} {
		for _, b := range []byte(before) {
			r.trigger[c] |= bit(b)
		}
	}
	for _, p := range append(prefixes(), prefix{text: "sk-"}) {
		end := p.text[len(p.text)-3:]
		r.trigger[end[2]] |= bit(end[1])
		r.prefixEnds[end[1]] |= bit(end[0])
		if p.min > 0 {
			r.prefixes[end[1]] = append(r.prefixes[end[1]], p)
		}
	}
	return r
}

func (r *Redactor) addName(n secretName) {
	last := n.end[len(n.end)-1]
	r.names[last] = append(r.names[last], n)
	r.addEnd(n.end)
}

// addEnd lets mayEnd say yes to a name.
func (r *Redactor) addEnd(name string) {
	last, before := name[len(name)-1], name[len(name)-2]
	r.ends[last] |= bit(before)
	r.ends[upper(last)] |= bit(before)
}

// Text appends src without its secrets to dst. src may be any bytes.
func (r *Redactor) Text(dst, src []byte) []byte {
	begin := len(dst)
	dst, found := r.text(dst, src, false)
	if found && len(r.patterns) > 0 {
		return r.settle(dst, begin, r.text)
	}
	return dst
}

// String is [Redactor.Text] of a string; one without secrets is returned as it is.
func (r *Redactor) String(s string) string {
	sc := r.take()
	defer r.put(sc)
	sc.text = append(sc.text[:0], s...)
	if sc.spans = r.find(sc.spans[:0], sc.text, false); len(sc.spans) == 0 {
		return s
	}
	return string(r.Text(nil, sc.text))
}

// JSON appends the JSON text src without its secrets to dst: the contents of
// strings are treated as by [Redactor.Text], and a string under a secret's name
// is cut whole. Valid JSON stays valid; bytes outside of secrets stay as they are,
// escapes included. src that is no JSON is treated as well as may be.
func (r *Redactor) JSON(dst, src []byte) []byte {
	begin := len(dst)
	dst, found := r.json(dst, src, false)
	if found && len(r.patterns) > 0 {
		return r.settle(dst, begin, r.json)
	}
	return dst
}

// text is one pass of Text. It says whether it found something, and then cuts the
// whole text if so told.
func (r *Redactor) text(dst, src []byte, whole bool) ([]byte, bool) {
	sc := r.take()
	defer r.put(sc)
	sc.spans = r.find(sc.spans[:0], src, whole)
	copied := 0
	for _, s := range sc.spans {
		dst = append(dst, src[copied:s.from]...)
		dst = append(dst, s.kind.marker()...)
		copied = s.to
	}
	return append(dst, src[copied:]...), len(sc.spans) > 0
}

// json is one pass of JSON. It says whether it found something, and then cuts the
// whole string around it if so told.
func (r *Redactor) json(dst, src []byte, whole bool) ([]byte, bool) {
	sc := r.take()
	defer r.put(sc)
	var (
		copied  int  // what of src is in dst
		found   bool // a secret
		name    kind // of the last name
		valueAt = -1 // where the value of the last name begins, if it is a secret's
		inList  bool // and stands in a list
	)
	for i := 0; ; {
		open := index(src, i, '"')
		if open < 0 {
			return append(dst, src[copied:]...), found
		}
		end, escaped := stringEnd(src, open+1)
		content := src[open+1 : end]
		colon := skipBlank(src, end+1)
		isName := colon < len(src) && src[colon] == ':'
		if isName {
			name = r.nameKind(content)
		}

		text := content
		if escaped {
			sc.text = unquote(sc.text[:0], content)
			text = sc.text
		}
		sc.spans = sc.spans[:0]
		if open == valueAt && name.cuts(text) {
			sc.spans = append(sc.spans, span{0, len(text), name})
		} else {
			sc.spans = r.find(sc.spans, text, whole)
		}
		if escaped && len(sc.spans) > 0 {
			requote(sc.spans, content)
		}
		for _, s := range sc.spans {
			dst = append(dst, src[copied:open+1+s.from]...)
			dst = append(dst, s.kind.marker()...)
			copied = open + 1 + s.to
			found = true
		}

		i = end + 1
		switch {
		case isName && name != 0:
			valueAt = skipBlank(src, colon+1)
			if inList = valueAt < len(src) && src[valueAt] == '['; inList {
				valueAt = skipBlank(src, valueAt+1)
			}
		case inList && open == valueAt && colon < len(src) && src[colon] == ',':
			valueAt = skipBlank(src, colon+1)
		default:
			valueAt = -1
		}
		if i >= len(src) {
			return append(dst, src[copied:]...), found
		}
	}
}

func (r *Redactor) take() *scratch {
	sc, ok := r.scratch.Get().(*scratch)
	if !ok {
		sc = new(scratch)
	}
	return sc
}

// maxScratch is what a scratch may keep, in bytes: rows of 12 MB are rare.
const maxScratch = 1 << 20

func (r *Redactor) put(sc *scratch) {
	if cap(sc.text) > maxScratch {
		sc.text = nil
	}
	r.scratch.Put(sc)
}
