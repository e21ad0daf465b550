package console

import (
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// Columns of the table of kinds.
const (
	failuresColumns = 7
	classColumns    = 8
	providerColumns = 12
	modelColumns    = 20
	titleColumns    = 44
)

// Kinds writes the largest kinds of a report, most of them, one a line: failures,
// class, provider, model, heading, keys, first and last failure. What is left out
// is summed up in a last line.
func (p Page) Kinds(o *event.Outcome, most int) {
	shown, rest := o.Top[:min(most, len(o.Top))], o.Matched
	for i := range shown {
		rest -= shown[i].Failures
		p.kind(&shown[i], o.At)
	}
	if more := o.Kinds - len(shown); more > 0 {
		p.Line("%s  %s (%s)", plain.Left("…", failuresColumns), plain.Count(more, "more kind"), plain.Count(rest, "failure"))
	}
}

func (p Page) kind(k *event.Kind, now time.Time) {
	when := p.clock(k.First, now, "15:04")
	if last := p.clock(k.Last, now, "15:04"); last != when {
		when += " – " + last
	}
	p.Line("%s  %s  %s  %s  %s  %s  %s",
		plain.Left(plain.Number(k.Failures), failuresColumns),
		cell(string(k.Class), classColumns),
		cell(one(k.Providers, k.ProviderCount, providerColumns), providerColumns),
		cell(one(k.Models, k.ModelCount, modelColumns), modelColumns),
		cell(k.Title, titleColumns),
		plain.Right(keys(k), 8),
		when)
}

// one is the only value, or the largest and how many others there are.
func one(counts []event.Count, all, columns int) string {
	if len(counts) == 0 {
		return "?"
	}
	others := ""
	if all > 1 {
		others = " +" + plain.Number(all-1)
	}
	return plain.Line(counts[0].Value, columns-len(others)) + others
}

func keys(k *event.Kind) string {
	if k.KeyCount == 1 && len(k.Keys) == 1 {
		return plain.Line(k.Keys[0].Value, 16)
	}
	return plain.Count(k.KeyCount, "key")
}

func cell(s string, columns int) string { return plain.Right(plain.Line(s, columns), columns) }
