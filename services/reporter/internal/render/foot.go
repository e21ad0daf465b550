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
		p.line("Counted, but never explained or alerted on: %s of our own, %s of LiteLLM.", count(s.Own, "failed call"), count(s.HealthChecks, "failed health check"))
	}
	if r.Expected > s.Failures {
		p.line("INCOMPLETE: %s of %s; the others were discarded from the log before this report was made. LiteLLM's table may still have them: %s",
			number(s.Failures), count(r.Expected, "failure"), r.Again())
	}
	for _, remark := range r.Remarks {
		p.line("%s", plain.Line(remark, 300))
	}
	var files []string
	if r.Full != nil {
		files = append(files, "error_logs_full ("+number(r.Full.Rows)+" of "+count(r.Full.Of, "row")+")")
	}
	if r.Analysis != nil {
		files = append(files, "error_logs_analysis ("+number(r.Analysis.Rows)+")")
	}
	files = append(files, "query_params")
	p.line("Files: %s", strings.Join(files, " · "))
	for _, file := range []struct {
		name string
		*File
	}{{"error_logs_full", r.Full}, {"error_logs_analysis", r.Analysis}} {
		if file.File != nil && file.Rule != "" {
			p.line("%s: matched %s, written %s, %s; all of them: %s", file.name, number(file.Of), number(file.Rows), file.Rule, r.Again())
		}
	}
	p.line("Again: %s", r.Again())
}
