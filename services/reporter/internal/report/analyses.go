package report

import (
	"context"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/pkg/topology"
)

// maxRemarks bounds the lines about windows that don't agree.
const maxRemarks = 5

// readAnalyses reads the analyses of the windows that it doesn't have yet. missing
// says which are not there; "" = all are.
func (w *Writer) readAnalyses(ctx context.Context, j *job) (missing string, err error) {
	have := map[time.Time]bool{}
	for i := range j.analyses {
		have[j.analyses[i].Window.Start] = true
	}
	absent := 0
	for i := range j.windows {
		window := &j.windows[i]
		if have[window.Start] {
			continue
		}
		entry, found, err := bus.Last(ctx, w.store.JetStream, topology.Analyses, topology.AnalysisSubject(window.Run, window.Epoch, window.Start))
		if err != nil {
			return "", err
		}
		if !found {
			absent++
			continue
		}
		analysis, err := event.Decode[event.Analysis](entry.Data)
		if err != nil {
			return "", err
		}
		j.analyses = append(j.analyses, analysis)
	}
	if absent > 0 {
		missing = fmt.Sprintf("%d of %d windows have no analysis", absent, len(j.windows))
	}
	return missing, nil
}

// compare holds the report's numbers against the analyses. Both count the same
// log: what differs is said in the text and counted.
func (w *Writer) compare(j *job) {
	if j.compared {
		return
	}
	j.compared = true
	batches := map[batchKey]int{}
	for _, b := range j.stats.Batches() {
		batches[batchKey{b.Window.UnixNano(), b.Model, b.Key}] = b.Failures
	}
	for i := range j.analyses {
		a := &j.analyses[i]
		name := a.Window.Start.In(j.zone).Format(time.DateTime)
		if a.Failed != "" {
			j.differs = append(j.differs, fmt.Sprintf("The analysis of window %s failed: %s.", name, a.Failed))
			continue
		}
		found := j.found[a.Window.Start]
		switch {
		case a.Scanned != found:
			j.differs = append(j.differs, fmt.Sprintf("The analysis of window %s counted %d failures, this report found %d.", name, a.Scanned, found))
		case !agree(a.Batches, batches):
			j.differs = append(j.differs, fmt.Sprintf("The analysis of window %s puts its %d failures into other batches than this report.", name, found))
		default:
			continue
		}
		w.metrics.mismatch()
		w.log.Error("report and analysis differ", "report", j.id, "window", a.Window.Start, "analysed", a.Scanned, "found", found)
	}
}

type batchKey struct {
	window     int64
	model, key string
}

func agree(analysed []event.Batch, batches map[batchKey]int) bool {
	for _, b := range analysed {
		if batches[batchKey{b.Window.UnixNano(), b.Model, b.Key}] != b.Failures {
			return false
		}
	}
	return true
}

// remarks are the lines about what doesn't agree.
func (j *job) remarks(missing string) []string {
	var lines []string
	if j.period.Gap {
		lines = append(lines, "INCOMPLETE: failures of this time may be missing. They are read out of LiteLLM's table when that is possible again, and are in a later report then.")
	}
	if n := j.stats.Summary().Gap; n > 0 {
		lines = append(lines, "Read later than they were committed, because they could not be read in time: "+plain.Count(n, "failure")+".")
	}
	lines = append(lines, j.differs[:min(maxRemarks, len(j.differs))]...)
	if more := len(j.differs) - maxRemarks; more > 0 {
		lines = append(lines, fmt.Sprintf("Other windows that differ: %d.", more))
	}
	if missing != "" {
		lines = append(lines, missing+": is the analyzer running? The numbers here don't need it.")
	}
	if j.damaged > 0 {
		lines = append(lines, fmt.Sprintf("Damaged in the log and not counted: %d of its entries.", j.damaged))
	}
	return lines
}
