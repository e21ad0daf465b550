package stats

import (
	"fmt"

	"github.com/faultwire/faultwire/pkg/event"
)

// Caps of a stored analysis.
const (
	MaxBatches      = 200
	MaxWindowKinds  = 200
	MaxAnalysisSize = 512 << 10 // bytes of JSON
)

// Analysis returns the statistics of window w in the form that is stored: the
// largest batches and kinds, the rest summed up. Where client-chosen names make
// even those too large, fewer are kept, never cut in the middle.
func (a *Accumulator) Analysis(w event.Window) (event.Analysis, error) {
	batches, kinds := a.Batches(), a.Kinds()
	for most := MaxBatches; ; most /= 2 {
		analysis := event.Analysis{V: event.Version, Window: w, Scanned: a.Total(), Own: a.summary.Own, HealthChecks: a.summary.HealthChecks}
		analysis.Batches, analysis.OtherBatches = capped(batches, most, func(b event.Batch) int { return b.Failures })
		analysis.Kinds, analysis.OtherKinds = capped(kinds, min(most, MaxWindowKinds), func(k event.Kind) int { return k.Failures })
		data, err := event.Encode(&analysis)
		if err != nil {
			return event.Analysis{}, fmt.Errorf("analysis of window %s: %w", w.Start, err)
		}
		if len(data) <= MaxAnalysisSize || most == 0 {
			return analysis, nil
		}
	}
}

// capped keeps the first most entries and sums up the rest.
func capped[T any](all []T, most int, failures func(T) int) ([]T, *event.Other) {
	if len(all) <= most {
		return all, nil
	}
	other := &event.Other{Entries: len(all) - most}
	for _, entry := range all[most:] {
		other.Failures += failures(entry)
	}
	return all[:most], other
}
