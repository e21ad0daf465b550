package render

import (
	"strings"

	"github.com/faultwire/faultwire/pkg/plain"
)

// foot says what is missing, what was written and how to read it again.
func (p *page) foot() {
	r, s := p.report, p.report.Summary
	p.blank()
	if s.Own+s.HealthChecks > 0 {
		p.line("Counted, but never explained or alerted on: %s of our own, %s of LiteLLM.", plain.Count(s.Own, "failed call"), plain.Count(s.HealthChecks, "failed health check"))
	}
	if r.Expected > s.Failures {
		p.line("INCOMPLETE: %s of %s; the others were discarded from the log before this report was made. LiteLLM's table may still have them: %s",
			plain.Number(s.Failures), plain.Count(r.Expected, "failure"), r.Again())
	}
	for _, remark := range r.Remarks {
		p.line("%s", plain.Line(remark, 300))
	}
	var files []string
	if r.Full != nil {
		files = append(files, "error_logs_full ("+plain.Number(r.Full.Rows)+" of "+plain.Count(r.Full.Of, "row")+")")
	}
	if r.Analysis != nil {
		files = append(files, "error_logs_analysis ("+plain.Number(r.Analysis.Rows)+")")
	}
	files = append(files, "query_params")
	p.line("Files: %s", strings.Join(files, " · "))
	for _, file := range []struct {
		name string
		*File
	}{{"error_logs_full", r.Full}, {"error_logs_analysis", r.Analysis}} {
		if file.File != nil && file.Rule != "" {
			p.line("%s: matched %s, written %s, %s; all of them: %s", file.name, plain.Number(file.Of), plain.Number(file.Rows), file.Rule, r.Again())
		}
	}
	p.line("Again: %s", r.Again())
}
