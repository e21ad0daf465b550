package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// page is a text that grows.
type page struct {
	report *Report
	text   strings.Builder
}

func (p *page) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	p.text.WriteString(strings.TrimRight(line, " "))
	p.text.WriteByte('\n')
}

func (p *page) blank() { p.text.WriteByte('\n') }

// field writes a labelled text, wrapped and indented.
func (p *page) field(label, text string) {
	const width = 7
	rest := indent + strings.Repeat(" ", width)
	lead := indent + plain.Right(label, width)
	if plain.Width(label) >= width {
		lead = indent + label + " "
	}
	for _, line := range plain.Wrap(text, columns-len(rest), plain.Width(lead)-len(rest)) {
		p.line("%s%s", lead, line)
		lead = rest
	}
}

// clock is a time of day in the report's zone, with its date when the report
// covers more than a day.
func (p *page) clock(t time.Time, layout string) string {
	t = t.In(p.report.Zone)
	if !p.oneDay() || !sameDay(t, p.report.Start.In(p.report.Zone)) {
		layout = time.DateOnly + " " + layout
	}
	return t.Format(layout)
}

func (p *page) oneDay() bool {
	r := p.report
	return r.Replay == nil && sameDay(r.Start.In(r.Zone), r.End.Add(-1).In(r.Zone))
}

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// minutes is the shortest layout that shows a time exactly.
func minutes(t time.Time) string {
	if t.Second() == 0 {
		return "15:04"
	}
	return time.TimeOnly
}

// share is n of all in percent, never rounded to nothing or to everything.
func share(n, all int) string {
	switch {
	case all == 0:
		return "0 %"
	case n == all:
		return "100 %"
	}
	percent := (200*n + all) / (2 * all)
	switch percent {
	case 0:
		return "<1 %"
	case 100:
		return ">99 %"
	}
	return strconv.Itoa(percent) + " %"
}

// names writes "agent 401 · batch 390 · 5 others 21"; all is the number of all
// values, failures their sum.
func names(counts []event.Count, all, failures int) string {
	var parts []string
	for _, c := range counts[:min(maxNames, len(counts))] {
		parts = append(parts, name(c.Value, 32)+" "+plain.Number(c.Failures))
		failures -= c.Failures
		all--
	}
	if all > 0 {
		parts = append(parts, plain.Count(all, "other")+" "+plain.Number(failures))
	}
	return strings.Join(parts, " · ")
}

// name is a model, key or the like; an empty one is shown as such.
func name(s string, most int) string {
	if s = plain.Line(s, most); s == "" {
		return "''"
	}
	return s
}
