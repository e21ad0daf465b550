package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

const (
	maxTop     = 20        // kinds of an outcome
	maxOutcome = 200 << 10 // bytes; the STATE bucket holds small values
)

// finish records what became of a period whose files are complete; set is nil when
// it has none. Then the rows of a replay are no longer needed.
func (w *Writer) finish(ctx context.Context, j *job, set *dayfile.Set) error {
	if err := w.readRate(ctx, j); err != nil {
		return err
	}
	o := w.outcome(j, set)
	if err := w.storeOutcome(ctx, o); err != nil {
		return err
	}
	if err := w.purge(ctx, j); err != nil {
		return err
	}
	switch {
	case o.Failed != "":
		w.metrics.report(outcomeFailed)
	case o.Matched == 0 && j.period.N == 0:
		w.metrics.report(outcomeEmpty)
	default:
		w.metrics.report(outcomeWritten)
	}
	if j.replay == nil {
		w.metrics.succeeded(o.At)
	}
	if set != nil {
		w.log.Info("report written", "report", j.id, "dir", o.Dir, "stamp", set.Stamp(), "failures", o.Matched, "kinds", o.Kinds, "pending", o.Pending)
	}
	return nil
}

func (w *Writer) outcome(j *job, set *dayfile.Set) *event.Outcome {
	o := &event.Outcome{V: event.Version, Run: j.period.Run, Report: j.id, Start: j.period.Start, End: j.period.End, Rate: j.counted(), At: w.now().UTC()}
	if j.replay != nil {
		o.Funnel, o.Failed = j.replay.Funnel, j.replay.Failed
	}
	if set != nil {
		o.Dir, o.Files = set.Dir(), set.Files()
	}
	if j.stats != nil {
		o.Matched, o.Kinds, o.Pending = j.stats.Total(), j.stats.Summary().Kinds, j.unexplained()
		for _, kind := range j.stats.Kinds() {
			if len(o.Top) == maxTop {
				break
			}
			kind.Exemplars = nil
			o.Top = append(o.Top, kind)
		}
	}
	return o
}

// storeOutcome keeps the last outcome of a run: a live period that comes late
// doesn't replace that of a later one.
func (w *Writer) storeOutcome(ctx context.Context, o *event.Outcome) error {
	last, err := w.lastOutcome(ctx, o.Run)
	if err != nil {
		return err
	}
	if last != nil && last.End.After(o.End) && last.Run == event.RunLive {
		return nil
	}
	data, err := event.Encode(o)
	for err == nil && len(data) > maxOutcome && len(o.Top) > 0 { // names of strangers may be long
		o.Top = o.Top[:len(o.Top)/2]
		data, err = event.Encode(o)
	}
	if err != nil {
		return err
	}
	if _, err := w.store.State.Put(ctx, topology.OutcomeKey(o.Run), data); err != nil {
		return fmt.Errorf("store the outcome: %w", err)
	}
	return nil
}

// lastOutcome returns nil when there is none, or none that this release can read.
func (w *Writer) lastOutcome(ctx context.Context, run string) (*event.Outcome, error) {
	entry, err := w.store.State.Get(ctx, topology.OutcomeKey(run))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the outcome of %s: %w", run, err)
	}
	o, err := event.Decode[event.Outcome](entry.Value())
	if err != nil {
		w.log.Warn("the last outcome can't be read and is replaced", "run", run, "error", err)
		return nil, nil
	}
	return &o, nil
}

// purge removes the rows of a replay. Its end marker stays, a day: it keeps the
// request from being carried out again.
func (w *Writer) purge(ctx context.Context, j *job) error {
	if j.replay == nil {
		return nil
	}
	stream, err := w.store.JetStream.Stream(ctx, topology.Replays)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(topology.ReplaySubject(j.period.Run)))
	}
	if err != nil {
		return fmt.Errorf("purge the rows of replay %s: %w", j.period.Run, err)
	}
	return nil
}

// LastSuccess reads when the last live report was finished, for the metric after a
// restart.
func (w *Writer) LastSuccess(ctx context.Context) error {
	last, err := w.lastOutcome(ctx, event.RunLive)
	if err == nil && last != nil {
		w.metrics.succeeded(last.At)
	}
	return err
}
