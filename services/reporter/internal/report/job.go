package report

import (
	"context"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/stats"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/render"
)

// job is one report and what is known of it. It lives over several deliveries of
// its period, so that waiting for an explanation costs no second scan.
type job struct {
	id     string
	period event.Period
	stored time.Time        // when the period was published, the server's clock
	zone   *time.Location   // of names and times
	replay *event.ReplayEnd // nil: live

	prepared bool
	windows  []event.Window

	stats    *stats.Accumulator // nil before the scan
	found    map[time.Time]int  // failures by window
	before   int                // began before the period
	damaged  int                // entries that can't be read
	analyses []event.Analysis
	compared bool
	differs  []string // windows whose analysis says something else

	rowsFull, rowsAnalysis int
	opinions               map[string]render.Opinion
	rate                   *render.Rate // nil: the requests are not counted
}

// prepare reads what the period refers to: a replay's end marker, its windows.
func (w *Writer) prepare(ctx context.Context, j *job) error {
	if j.prepared {
		return nil
	}
	zone, err := time.LoadLocation(j.period.Rules.Zone)
	if err != nil || j.period.Rules.Zone == "" {
		zone = w.config.Report.Location()
	}
	j.zone = zone
	if j.period.Run != event.RunLive {
		if err := w.readEnd(ctx, j); err != nil {
			return err
		}
	}
	if j.hasRows() {
		if j.windows, err = w.windowsOf(ctx, &j.period); err != nil {
			return err
		}
	}
	j.prepared = true
	return nil
}

func (w *Writer) readEnd(ctx context.Context, j *job) error {
	entry, found, err := bus.Last(ctx, w.store.JetStream, topology.Replays, topology.ReplayEndSubject(j.period.Run))
	if err != nil {
		return err
	}
	if !found {
		return bus.Permanent(fmt.Errorf("replay %s: its end marker is gone; ask for it again", j.period.Run))
	}
	end, err := event.Decode[event.ReplayEnd](entry.Data)
	if err != nil {
		return err
	}
	j.replay = &end
	return nil
}

// hasRows reports whether there is something to write rows of.
func (j *job) hasRows() bool {
	return j.period.N > 0 && (j.replay == nil || j.replay.Failed == "")
}

// named is the moment that names the files: a live report's start, the moment a
// replay was asked for.
func (j *job) named() time.Time {
	if j.replay != nil {
		return j.replay.Request.Asked.In(j.zone)
	}
	return j.period.Start.In(j.zone)
}

// again is the command that reads the period's rows from the table.
func (j *job) again() string {
	return (&render.Report{Start: j.period.Start, End: j.period.End, Expected: 1}).Again()
}

// window is the length of the windows the period was cut into.
func (j *job) window() time.Duration { return time.Duration(j.period.Rules.Window) }
