package console

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// Replayed writes what a replay found.
func (p Page) Replayed(o *event.Outcome, most int) {
	text, matched := plain.Count(o.Matched, "failure"), o.Matched
	if all := before(o.Funnel, "limit"); all > o.Matched {
		text, matched = plain.Number(o.Matched)+" newest of "+plain.Count(all, "failure"), all
	}
	p.Line("%s%s, %s", text, ofRequests(o.Rate, matched), plain.Count(o.Kinds, "kind"))
	p.Kinds(o, most)
	p.Line("files")
	p.Files(o)
}

// before is what was left before a filter, 0 when there is no such step.
func before(funnel []event.FunnelStep, filter string) int {
	for i, step := range funnel {
		if step.Filter == filter && i > 0 {
			return funnel[i-1].Left
		}
	}
	return 0
}

// Nothing writes which filter left nothing of a replay.
func (p Page) Nothing(q event.Query, o *event.Outcome) {
	last := -1
	for _, step := range o.Funnel {
		if step.Filter == "limit" {
			continue
		}
		text := plain.Count(step.Left, "failure")
		if last >= 0 {
			text = plain.Number(last) + " → " + plain.Number(step.Left)
		}
		if step.Left == 0 {
			text += "   " + why(step)
		}
		label := plain.Right(p.filter(q, step), 12)
		p.Line("%s  %s", label, text)
		if len(step.Near) > 0 {
			p.Line("%s  did you mean %s?", plain.Right("", plain.Width(label)), names(step.Near))
		}
		if last = step.Left; last == 0 {
			break
		}
	}
	text := "nothing found"
	if len(o.Files) > 0 {
		text += "; filters and counts are in " + p.Path(filepath.Join(o.Dir, o.Files[len(o.Files)-1]))
	}
	p.Line("%s", text)
}

// names writes "external-qwen3-30b (412) or qwen3 (7)".
func names(counts []event.Count) string {
	var parts []string
	for _, c := range counts {
		parts = append(parts, plain.Line(c.Value, 60)+" ("+plain.Number(c.Failures)+")")
	}
	return strings.Join(parts, " or ")
}

// filter names a step: the range in words, or the flag.
func (p Page) filter(q event.Query, step event.FunnelStep) string {
	if step.Filter != "time" {
		return step.Filter
	}
	switch {
	case !q.TimeFilter:
		return "any time"
	case q.Start == nil && q.End == nil && q.Days == 1:
		return "last day"
	case q.Start == nil && q.End == nil:
		return "last " + strconv.Itoa(q.Days) + " days"
	}
	return plain.Line(step.Value, 60)
}

// why says in words what a step that left nothing asked for.
func why(step event.FunnelStep) string {
	value := fmt.Sprintf("%q", plain.Line(step.Value, 60))
	switch step.Filter {
	case "model":
		return "no failure has the model or model group " + value
	case "key":
		return "no failure has the key alias " + value
	}
	return "no failure in this range; times are UTC, compared with \"startTime\""
}
