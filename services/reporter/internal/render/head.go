package render

import (
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/plain"
)

func (p *page) head() {
	r := p.report
	if r.Replay != nil {
		p.replayTitle()
	} else {
		p.liveTitle()
	}
	p.sums()
	switch pending, all, why := p.pending(); {
	case r.LLMOff != "":
		p.line("%s", r.LLMOff)
	case pending > 0:
		p.line("%s of %s without an explanation yet: %s", plain.Number(pending), plain.Count(all, "kind"), why)
	}
}

func (p *page) liveTitle() {
	r := p.report
	start, end := r.Start.In(r.Zone), r.End.In(r.Zone)
	to := minutes(end)
	if !sameDay(start, end) {
		to = time.DateOnly + " " + to
	}
	p.line("Faultwire report · %s – %s (%s) · committed by LiteLLM %s", start.Format(time.DateOnly+" "+minutes(start)), end.Format(to), r.Zone, p.during())
}

func (p *page) replayTitle() {
	r, q := p.report, p.report.Replay.Query
	newest := ""
	if matched, cut := limited(r.Replay); cut {
		newest = plain.Number(r.Summary.Failures) + " newest of " + plain.Number(matched) + " failures · "
	}
	p.line("Faultwire replay · %sasked for %s (%s)", newest, r.Replay.Asked.In(r.Zone).Format(time.DateTime), r.Zone)
	var filters []string
	switch {
	case !q.TimeFilter:
		filters = append(filters, "of any time")
	default:
		filters = append(filters, "startTime "+r.Replay.Start.UTC().Format(time.DateTime)+" – "+r.Replay.End.UTC().Format(time.DateTime)+" UTC")
	}
	if q.Model != "" {
		filters = append(filters, "model "+plain.Line(q.Model, 60))
	}
	if q.Key != "" {
		filters = append(filters, "key "+plain.Line(q.Key, 60))
	}
	p.line("Failures %s", strings.Join(filters, " · "))
}

// limited tells how many failures matched before the limit, and whether it cut any.
func limited(r *Replay) (matched int, cut bool) {
	for i, step := range r.Funnel {
		if step.Filter == "limit" && i > 0 {
			return r.Funnel[i-1].Left, r.Funnel[i-1].Left > step.Left
		}
	}
	return 0, false
}

func (p *page) sums() {
	r, s := p.report, p.report.Summary
	who := plain.Count(s.Models, "model") + " · " + plain.Count(s.Keys, "key")
	if s.Teams > 0 {
		who += " · " + plain.Count(s.Teams, "team")
	}
	p.line("%s%s   %s   %s hit", plain.Count(s.Failures, "failure"), p.ofRequests(), plain.Count(s.Kinds, "kind"), who)
	p.rate()
	if s.Failures == 0 {
		return
	}
	before := ""
	if r.Replay == nil && r.BeganBefore > 0 {
		before = "; " + plain.Number(r.BeganBefore) + " began before " + p.clock(r.Start, minutes(r.Start))
	}
	p.line(`Requests began %s – %s%s. Numbers are exact and computed; text marked "hypothesis" or "advice" is an LLM's.`,
		p.clock(s.FirstStarted, time.TimeOnly), p.clock(s.LastStarted, time.TimeOnly), before)
}

// pending counts the kinds that wait for an explanation, of those that get one,
// and gives the reason of the largest.
func (p *page) pending() (pending, all int, why string) {
	for _, kind := range p.report.Kinds {
		opinion, explained := p.report.Opinions[kind.Fingerprint]
		if !explained {
			continue
		}
		all++
		if opinion.Explanation != nil {
			continue
		}
		if pending++; why == "" {
			why = plain.Line(opinion.Pending, 200)
		}
	}
	return pending, all, why
}
