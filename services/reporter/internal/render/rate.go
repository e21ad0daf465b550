package render

import (
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

// Rate says how many requests failed of how many, as counted in LiteLLM's table by
// startTime: of a live report, of those that began in its time, which are not quite
// those whose failures were committed in it; of a replay, of all its filters select.
type Rate struct {
	event.Rate
	Until  time.Time         // of a live report: counting ended there; End = all of it was counted
	Before *event.Rate       // of the time before, as long; nil: not counted
	Models []event.ModelRate // most failed first
}

// maxRates is how many models are named with their rates.
const maxRates = 3

// ofRequests completes the number of failures where both count the same requests.
func (p *page) ofRequests() string {
	r := p.report
	if r.Replay == nil || r.Rate == nil || r.Rate.Failed != r.Summary.Failures {
		return ""
	}
	return " of " + plain.Count(r.Rate.Requests, "request") + " (" + plain.Percent(r.Rate.Failed, r.Rate.Requests) + ")"
}

// rate writes what ofRequests doesn't.
func (p *page) rate() {
	r := p.report.Rate
	if r == nil || r.Requests == 0 || p.ofRequests() != "" {
		return
	}
	began, before := "that LiteLLM's table has of this selection", ""
	if p.report.Replay == nil {
		began = "that began " + p.during()
		if !r.Until.Equal(p.report.End) {
			began = "that began " + p.clock(p.report.Start, minutes(p.report.Start)) + " – " + p.clock(r.Until, minutes(r.Until))
		}
		if r.Before != nil && r.Before.Requests > 0 {
			before = ", previous " + p.unit() + " " + plain.Percent(r.Before.Failed, r.Before.Requests)
		}
	}
	p.line("%s of the %s %s failed (%s%s).", plain.Number(r.Failed), plain.Count(r.Requests, "request"), began, plain.Percent(r.Failed, r.Requests), before)
	if names := rates(r.Models); names != "" {
		p.line("By model: %s", names)
	}
}

// rates names the models that failed most.
func rates(models []event.ModelRate) string {
	var parts []string
	others := 0
	for _, m := range models {
		switch {
		case m.Failed == 0:
		case len(parts) < maxRates:
			parts = append(parts, name(m.Model, 32)+" "+plain.Percent(m.Failed, m.Requests)+" of "+plain.Number(m.Requests))
		default:
			others++
		}
	}
	if others > 0 {
		parts = append(parts, plain.Count(others, "other"))
	}
	return strings.Join(parts, " · ")
}

// unit is the length of a live report in a word, during says when that is.
func (p *page) unit() string {
	switch p.report.End.Sub(p.report.Start) {
	case time.Hour:
		return "hour"
	case 24 * time.Hour:
		return "day"
	}
	return "time"
}

func (p *page) during() string {
	if p.unit() == "day" {
		return "on this day"
	}
	return "in this " + p.unit()
}
