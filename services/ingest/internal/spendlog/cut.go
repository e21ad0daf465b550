package spendlog

import (
	"strconv"

	"github.com/faultwire/faultwire/pkg/event"
)

// Why a value does not travel: the word in its marker.
const (
	cutPrompt    = "prompt"
	cutSize      = "size"
	cutUnchanged = "unchanged" // see [ErrUnchanged]
	cutUndecoded = "undecoded"
	cutBudget    = "budget"
)

// marker appends what stands in for a value of size bytes.
func marker(dst []byte, why string, size int) []byte {
	dst = append(dst, `{"cut":"`...)
	dst = append(dst, why...)
	dst = append(dst, `","bytes":`...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	return append(dst, '}')
}

// plan says how the columns of one row are printed.
type plan struct {
	layout     *Layout
	cut        []string // by column; "" = in full
	sizes      []int    // what each took when it was printed last
	keepPrompt bool
	fault      error
	printed    []byte
}

// maxPrinted is the largest row whose buffer is kept for the next one.
const maxPrinted = 256 << 10

// emptyPlan is one that was used before, if there is any: rows come by the thousand.
func (l *Layout) emptyPlan(o Options) *plan {
	p, ok := l.plans.Get().(*plan)
	if !ok {
		p = &plan{layout: l, cut: make([]string, len(l.columns)), sizes: make([]int, len(l.columns))}
	}
	clear(p.cut)
	clear(p.sizes)
	p.keepPrompt, p.fault = o.KeepPrompts, nil
	return p
}

// release lets the next row use the plan.
func (p *plan) release() {
	if cap(p.printed) <= maxPrinted {
		p.layout.plans.Put(p)
	}
}

// plan decides what is cut before anything is printed: prompts, and the largest
// values until the others may fit. A value's JSON is hardly ever shorter than its
// text, and printing and redacting 12 MB to throw them away takes time.
func (l *Layout) plan(row []Value, meta metadata, o Options, full bool, budget int) *plan {
	p := l.emptyPlan(o)
	total := 0
	for i, v := range row {
		switch {
		case v.Unchanged:
			p.cut[i] = cutUnchanged
			p.fault = &DecodeError{Column: l.columns[i].Name, Err: ErrUnchanged}
		case v.Null:
		case !o.KeepPrompts && l.isPrompt(i) && !holdsNothing(v.Text):
			p.cut[i] = cutPrompt
		case !full && len(v.Text) > shortText && i != l.requestID && i != l.apiKey:
			p.cut[i] = cutBudget
		default:
			p.sizes[i] = len(v.Text)
			if i == l.metadata && !o.KeepPrompts {
				p.sizes[i] -= meta.prompt.to - meta.prompt.from
			}
			total += p.sizes[i]
		}
	}
	for total > budget {
		i := p.largest()
		total -= p.sizes[i]
		p.cut[i], p.sizes[i] = cutSize, 0
	}
	return p
}

func (l *Layout) isPrompt(i int) bool {
	return i == l.messages || i == l.response || i == l.proxyRequest
}

// print prints the row with its markers, and notes the sizes.
func (p *plan) print(row []Value, meta metadata) {
	dst := p.printed[:0]
	dst = append(dst, '{')
	for i, v := range row {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.layout.names[i]...)
		begin := len(dst)
		switch {
		case p.cut[i] != "":
			dst = marker(dst, p.cut[i], len(v.Text))
			p.sizes[i] = 0
			continue
		case v.Null:
			dst = append(dst, "null"...)
		case i == p.layout.metadata && p.layout.forms[i] == formJSON && !p.keepPrompt && meta.prompt.to > 0:
			dst = append(dst, repaired(v.Text[:meta.prompt.from])...)
			dst = marker(dst, cutPrompt, meta.prompt.to-meta.prompt.from)
			dst = append(dst, repaired(v.Text[meta.prompt.to:])...)
		default:
			dst = p.layout.forms[i].append(dst, v.Text)
		}
		p.sizes[i] = len(dst) - begin
	}
	dst = append(dst, '}')
	p.printed = dst
}

// cutLargest cuts the largest column that is left, if a marker is shorter.
func (p *plan) cutLargest() bool {
	const longest = len(`{"cut":"size","bytes":1073741824}`)
	i := p.largest()
	if p.sizes[i] <= longest {
		return false
	}
	p.cut[i], p.sizes[i] = cutSize, 0
	return true
}

func (p *plan) largest() int {
	largest := 0
	for i, size := range p.sizes {
		if size > p.sizes[largest] {
			largest = i
		}
	}
	return largest
}

// shorten cuts a text of whole bytes, of which s may be only the beginning, at most
// bytes of JSON, and says so.
func shorten(s string, whole, most int) string {
	if len(s) == whole && len(s) <= most/longestEscape {
		return s
	}
	size, end := 0, len(s)
	for i, r := range s {
		if size += escapedLen(r); size > most {
			end = i
			break
		}
	}
	if end == whole {
		return s
	}
	return s[:end] + "… [cut: " + strconv.Itoa(whole) + " bytes]"
}

// sizeBesidesRow is more than the JSON of f takes without its row; the texts of its
// entry in the file take at most longest each.
func sizeBesidesRow(f *event.Failure, longest int) int {
	size := besidesTexts
	for _, s := range [...]string{f.Model, f.Key, f.Provider, f.Team, f.ErrorCode, f.Fingerprint, f.Template, f.Title, f.Check, f.Text} {
		size += longestEscape * len(s)
	}
	for _, s := range [...]*string{f.Log.RequestID, f.Log.Time, f.Log.Model, f.Log.KeyName, f.Log.Status, f.Log.ErrorType, f.Log.ErrorMessage} {
		if s != nil {
			size += min(longestEscape*len(*s), longest+longestSuffix)
		}
	}
	return size
}

const (
	longestEscape = len(`\u0000`) // of a byte in encoding/json's strings
	longestSuffix = len("… [cut: 1073741824 bytes]")
)

// escapedLen is the length of a rune in encoding/json's strings.
func escapedLen(r rune) int {
	switch {
	case r == '"', r == '\\':
		return 2
	case r < ' ', r == '\uFFFD', r == '\u2028', r == '\u2029':
		return 6
	case r < 0x80:
		return 1
	case r < 0x800:
		return 2
	case r < 0x10000:
		return 3
	}
	return 4
}
