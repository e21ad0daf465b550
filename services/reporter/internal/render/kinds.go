package render

import (
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

const (
	maxTemplate    = 600  // columns of a kind's text
	maxHypothesis  = 2000 // columns of each text of the LLM
	titleColumns   = 86
	figuresColumns = 28
)

func (p *page) kinds() {
	kinds := p.report.Kinds
	for i := range kinds[:Detailed(len(kinds))] {
		p.blank()
		p.kind(i+1, &kinds[i])
	}
	if len(kinds) <= maxDetailed {
		return
	}
	p.blank()
	p.line("Smaller kinds")
	listed := min(len(kinds), maxListed)
	for i := maxDetailed; i < listed; i++ {
		p.title(i+1, &kinds[i])
		p.line("%sclass %s   kind %s", indent, kinds[i].Class, name(kinds[i].Fingerprint, 40))
	}
	if rest := kinds[listed:]; len(rest) > 0 {
		failures := 0
		for _, kind := range rest {
			failures += kind.Failures
		}
		p.line("and %s with %s", plain.Count(len(rest), "more kind"), plain.Count(failures, "failure"))
	}
}

// title is a kind's first line: what, where, how many.
func (p *page) title(number int, k *event.Kind) {
	what := []string{name(k.Title, 60), one(k.Providers, k.ProviderCount), one(k.Models, k.ModelCount)}
	lead := plain.Right(ordinal(number), len(indent)-1) + " "
	figures := plain.Count(k.Failures, "failure") + " (" + share(k.Failures, p.report.Summary.Failures) + ")"
	p.line("%s%s  %s", lead, plain.Right(strings.Join(what, " · "), titleColumns-len(lead)), plain.Left(figures, figuresColumns))
}

// one is the only name, or the largest with the number of others.
func one(counts []event.Count, all int) string {
	switch {
	case len(counts) == 0:
		return "?"
	case all == 1:
		return name(counts[0].Value, 32)
	}
	return name(counts[0].Value, 32) + " and " + plain.Count(all-1, "other")
}

func ordinal(n int) string { return plain.Number(n) }

func (p *page) kind(number int, k *event.Kind) {
	p.title(number, k)
	firing := ""
	if p.firing(k) {
		firing = "   still firing"
	}
	p.line("%sclass %s   first %s   last %s%s   kind %s", indent, classWord(k.Class), p.clock(k.First, time.TimeOnly), p.clock(k.Last, time.TimeOnly), firing, name(k.Fingerprint, 40))
	p.field("keys", names(k.Keys, k.KeyCount, k.Failures))
	if k.ModelCount > 1 {
		p.field("models", names(k.Models, k.ModelCount, k.Failures))
	}
	if k.ProviderCount > 1 {
		p.field("from", names(k.Providers, k.ProviderCount, k.Failures))
	}
	p.codes(k)
	p.field("text", name(text(k), maxTemplate))
	if k.Check != "" {
		p.field("do", plain.Line(k.Check, maxTemplate))
	}
	p.opinion(k)
}

// firing reports whether a kind still failed in the last window.
func (p *page) firing(k *event.Kind) bool {
	r := p.report
	return r.Replay == nil && !k.Last.Before(r.End.Add(-r.Window))
}

// classWord says whose fault a class is where its name doesn't.
func classWord(c event.Class) string {
	switch c {
	case event.ClassQuota:
		return "quota (a limit of provider or gateway)"
	case event.ClassBudget:
		return "budget (money)"
	case event.ClassAuth:
		return "auth (the caller's key)"
	case event.ClassClient:
		return "client (the request itself)"
	case event.ClassContent:
		return "content (policy or guardrail)"
	case event.ClassGateway:
		return "gateway (LiteLLM)"
	}
	return string(c)
}

// codes writes the error codes; failures without one are said to have none.
func (p *page) codes(k *event.Kind) {
	if k.CodeCount == 0 {
		return
	}
	if k.CodeCount == 1 && k.Codes[0].Failures == k.Failures {
		p.field("code", name(k.Codes[0].Value, 32))
		return
	}
	var with int
	for _, c := range k.Codes {
		with += c.Failures
	}
	line := names(k.Codes, k.CodeCount, with)
	if without := k.Failures - with; without > 0 && k.CodeCount == len(k.Codes) {
		line += " · none " + plain.Number(without)
	}
	p.field("code", line)
}

// text is the masked text of a kind; where all of it is masked, an example.
func text(k *event.Kind) string {
	if strings.TrimSpace(k.Template) == "" && len(k.Exemplars) > 0 {
		return k.Exemplars[0]
	}
	return k.Template
}

// opinion writes what the LLM said of a kind, or why it said nothing.
func (p *page) opinion(k *event.Kind) {
	opinion, asked := p.report.Opinions[k.Fingerprint]
	e := opinion.Explanation
	switch {
	case e != nil:
		p.field("hypothesis ("+name(e.Model, 40)+", "+p.clock(e.At, "15:04")+"):", name(e.Hypothesis, maxHypothesis))
		if e.Advice != "" {
			p.field("advice:", plain.Line(e.Advice, maxHypothesis))
		}
	case p.report.LLMOff != "":
	case !asked:
		p.field("note", "all of these are our own calls or LiteLLM's health checks: not explained")
	default:
		next := ""
		if !opinion.Next.IsZero() {
			next = " (asked again " + p.clock(opinion.Next, "15:04") + ")"
		}
		p.field("explanation pending:", plain.Line(opinion.Pending, 300)+next)
	}
}
