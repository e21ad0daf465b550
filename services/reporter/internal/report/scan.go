package report

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/body"
)

// found is a failure of a report and the window it belongs to.
type found struct {
	window  time.Time // its start
	failure event.Failure
}

// count makes the report's numbers, after a while also without the analyses.
func (w *Writer) count(ctx context.Context, j *job) error {
	if !j.hasRows() || j.stats != nil {
		return nil
	}
	missing, err := w.readAnalyses(ctx, j)
	if err != nil {
		return err
	}
	if missing != "" && w.now().Before(j.stored.Add(analysisWait)) {
		return w.wait(j, missing)
	}
	counted, windows, before, damaged := stats.New(), map[time.Time]int{}, 0, 0
	for f, err := range w.failures(ctx, j, &damaged) {
		if err != nil {
			return err
		}
		counted.Add(f.window, &f.failure)
		windows[f.window]++
		if f.failure.Started.Before(j.period.Start) {
			before++
		}
	}
	j.stats, j.found, j.before, j.damaged = counted, windows, before, damaged
	return nil
}

// failures scans the log for the failures of a report, in the log's order. Entries
// that can't be read are added to damaged.
func (w *Writer) failures(ctx context.Context, j *job, damaged *int) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		stream, filter := topology.Log(j.period.Run)
		windows := cutter{windows: j.windows, fallback: j.period.Start}
		for entry, err := range bus.Scan(ctx, w.store.JetStream, bus.Range{Stream: stream, Filter: filter, Lo: j.period.Lo, Hi: j.period.Hi}) {
			if err != nil {
				yield(found{}, err)
				return
			}
			header, err := topology.ReadHeader(entry.Header)
			if err != nil {
				*damaged++
				continue
			}
			if !header.Live {
				continue
			}
			failure, err := body.Failure(entry.Data)
			if errors.Is(err, event.ErrVersion) {
				yield(found{}, err)
				return
			}
			if err != nil {
				*damaged++
				continue
			}
			if !yield(found{window: windows.at(entry.Seq), failure: failure}, nil) {
				return
			}
		}
	}
}

// cutter tells the window of a sequence; sequences come in order.
type cutter struct {
	windows  []event.Window
	fallback time.Time // before the first window
}

func (c *cutter) at(seq uint64) time.Time {
	for len(c.windows) > 0 && seq >= c.windows[0].Lo {
		if seq <= c.windows[0].Hi {
			return c.windows[0].Start
		}
		c.fallback, c.windows = c.windows[0].Start, c.windows[1:]
	}
	return c.fallback
}
