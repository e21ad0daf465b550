package report

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
	"github.com/faultwire/faultwire/services/reporter/internal/render"
)

// writeText writes the text when all it waits for is there, at the latest
// llm.timeout after the period was published.
func (w *Writer) writeText(ctx context.Context, j *job, set *dayfile.Set) error {
	wanted := w.config.Output.SaveLLMResult && !set.Has(dayfile.Text)
	missing, err := w.readAnalyses(ctx, j)
	if err != nil {
		return err
	}
	settled, err := w.readOpinions(ctx, j)
	if err != nil {
		return err
	}
	off := w.llmOff(j)
	patience := analysisWait
	if off == "" {
		patience = w.config.LLM.Timeout
	}
	if wanted && w.now().Before(j.stored.Add(patience)) {
		switch {
		case missing != "":
			return w.wait(j, missing)
		case off == "" && !settled:
			return w.wait(j, "explanations")
		}
	}
	w.compare(j)
	if !wanted {
		return nil
	}
	if err := w.readRate(ctx, j); err != nil {
		return err
	}
	file, err := set.Create(dayfile.Text)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := render.Write(file, w.text(j, off, missing)); err != nil {
		return err
	}
	return file.Commit()
}

func (w *Writer) text(j *job, off, missing string) *render.Report {
	r := &render.Report{
		Start: j.period.Start, End: j.period.End, Zone: j.zone, Window: j.window(),
		Summary: j.stats.Summary(), Rate: j.rate, BeganBefore: j.before, Kinds: j.stats.Kinds(), Batches: j.stats.Batches(),
		Opinions: j.opinions, LLMOff: off, Expected: j.period.N, Remarks: j.remarks(missing),
	}
	if j.replay != nil {
		r.Replay = &render.Replay{
			Asked: j.replay.Request.Asked, Query: j.replay.Request.Query, Start: j.replay.Start, End: j.replay.End, Funnel: j.replay.Funnel,
		}
	}
	mostFull, mostShort := w.caps(j)
	full := &render.File{Rows: j.rowsFull, Of: j.stats.Total()}
	short := &render.File{Rows: j.rowsAnalysis, Of: j.stats.Total()}
	if w.config.Output.SaveFullLogs {
		r.Full = full
		full.Rule = rule(full, mostFull, fmt.Sprintf("the first %d of each kind, then in order (output.max_rows)", ofEachKind))
	}
	if w.config.Output.SaveAnalysisLogs {
		r.Analysis = short
		short.Rule = rule(short, mostShort, "the first in order")
	}
	return r
}

// rule says why a file doesn't hold all rows; most is its cap, 0 = none.
func rule(f *render.File, most int, capped string) string {
	switch {
	case f.Rows < atMost(f.Of, most):
		return "the others were discarded from the log meanwhile"
	case f.Rows < f.Of:
		return capped
	}
	return ""
}
