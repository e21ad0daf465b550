package render

import (
	"strconv"
	"strings"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

func (p *page) batches() {
	batches := p.report.Batches
	if len(batches) == 0 {
		return
	}
	shown := batches[:min(maxBatches, len(batches))]
	title := "By window, model and key"
	if p.report.Replay != nil {
		title = "By model and key"
	}
	if len(shown) < len(batches) {
		title += " (top " + plain.Number(len(shown)) + " of " + plain.Number(len(batches)) + ")"
	}
	p.blank()
	p.line("%s", title)
	table := [][]string{{"window", "model", "key", "failures", "kinds, by their numbers above"}}
	numbers := map[string]int{}
	for i, kind := range p.report.Kinds {
		numbers[kind.Fingerprint] = i + 1
	}
	for _, b := range shown {
		table = append(table, []string{p.clock(b.Window, minutes(b.Window)), name(b.Model, 36), name(b.Key, 28), plain.Number(b.Failures), kindsOf(b, numbers)})
	}
	if p.report.Replay != nil { // it is one window
		for i := range table {
			table[i] = table[i][1:]
		}
	}
	p.table(table)
}

// kindsOf writes "1 (180) · 4 (8) · 2 others": which kinds a batch has.
func kindsOf(b event.Batch, numbers map[string]int) string {
	const most = 3
	var parts []string
	for _, c := range b.Kinds[:min(most, len(b.Kinds))] {
		parts = append(parts, strconv.Itoa(numbers[c.Value])+" ("+plain.Number(c.Failures)+")")
	}
	if rest := b.KindCount - len(parts); rest > 0 {
		parts = append(parts, plain.Count(rest, "other"))
	}
	return strings.Join(parts, " · ")
}

// table writes rows in columns; the last but one holds numbers.
func (p *page) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], plain.Width(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := plain.Right
			if i == len(row)-2 {
				pad = plain.Left
			}
			b.WriteString(pad(cell, widths[i]))
			b.WriteString("  ")
		}
		p.line("%s%s", indent, b.String())
	}
}
