// Package report writes the dated files of a period: live reports and replays.
//
// It takes periods from PERIODS one by one. Numbers come from its own scan of the
// log through package stats and are checked against the stored analyses. The two
// error_logs files are written at once; the text waits for explanations, at most
// llm.timeout, while other periods are written. A period is acknowledged when its
// files are on disk under their names; one that is delivered again finds its claim
// and what it has, and writes only the rest.
package report

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

const (
	// analysisWait is how long the files wait for the analyses of their windows.
	// Their numbers don't need them; the check is made when the text is written.
	analysisWait = 10 * time.Second
	// The time between two looks for an analysis or an explanation grows with the
	// time waited so far.
	lookFirst = 250 * time.Millisecond
	lookMost  = 5 * time.Second
	// busyDelay is the time until a set that another process writes is tried again.
	busyDelay = time.Second
)

// Config is what the writer is told.
type Config struct {
	Report  config.Report
	Output  config.Output
	LLM     config.LLM
	Version string // of the build, for query_params
}

// Writer writes reports. Its handler is for one subscription.
type Writer struct {
	config  Config
	store   topology.Store
	folder  *dayfile.Folder
	metrics *Metrics
	log     *slog.Logger
	now     func() time.Time

	mu   sync.Mutex
	jobs map[string]*job // of periods that wait, by report
	mark mark            // of the live windows
}

// New returns a writer into folder.
func New(c Config, store topology.Store, folder *dayfile.Folder, metrics *Metrics, log *slog.Logger) *Writer {
	return &Writer{config: c, store: store, folder: folder, metrics: metrics, log: log, now: time.Now, jobs: map[string]*job{}}
}

// Handle writes the report of one period. It is a Watermill handler; its errors
// are those of package bus: delayed, permanent, or to be retried.
func (w *Writer) Handle(msg *message.Message) error {
	period, err := event.Decode[event.Period](msg.Payload)
	if errors.Is(err, event.ErrVersion) {
		return err
	}
	if err != nil {
		return bus.Permanent(err)
	}
	j := w.job(&period, bus.Stored(msg))
	err = w.write(msg.Context(), j)
	if err == nil || bus.IsPermanent(err) {
		w.forget(j)
	}
	return err
}

// job returns what is known of a report from an earlier delivery.
func (w *Writer) job(p *event.Period, stored time.Time) *job {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := reportID(p)
	j := w.jobs[id]
	if j == nil {
		j = &job{id: id, period: *p, stored: stored}
		w.jobs[id] = j
	}
	return j
}

func (w *Writer) forget(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.jobs, j.id)
}

// reportID names a report: its claim, its outcome.
func reportID(p *event.Period) string {
	return fmt.Sprintf("%s.%s.%d", p.Run, p.Epoch, p.Start.Unix())
}

func (w *Writer) write(ctx context.Context, j *job) error {
	err := w.tryWrite(ctx, j)
	switch {
	case errors.Is(err, dayfile.ErrBusy):
		return bus.Delay(err, busyDelay)
	case err != nil && !errors.Is(err, errNotYet) && ctx.Err() == nil:
		w.metrics.report(outcomeFailed)
		return fmt.Errorf("report %s: %w", j.id, err)
	}
	return err
}

func (w *Writer) tryWrite(ctx context.Context, j *job) error {
	if j.period.Epoch != w.store.Epoch {
		return bus.Permanent(fmt.Errorf("it belongs to a log that is gone (epoch %s, now %s); LiteLLM's table may still have the rows: %s", j.period.Epoch, w.store.Epoch, j.again()))
	}
	if err := w.prepare(ctx, j); err != nil {
		return err
	}
	last, err := w.lastOutcome(ctx, j.period.Run)
	if err != nil {
		return err
	}
	if last != nil && last.Report == j.id { // only the ack was lost
		return w.purge(ctx, j)
	}
	if j.replay == nil && j.period.N == 0 {
		return w.finish(ctx, j, nil)
	}
	set, err := w.folder.Claim(j.id, j.named())
	if err != nil {
		return err
	}
	err = w.writeSet(ctx, j, set, last)
	return errors.Join(err, set.Close())
}

// writeSet writes what the set lacks. last is the last outcome of the run, or nil.
func (w *Writer) writeSet(ctx context.Context, j *job, set *dayfile.Set, last *event.Outcome) error {
	if set.Complete() && j.replay == nil && last != nil && last.End.After(j.period.End) {
		return nil // its outcome has been overwritten
	}
	if err := w.count(ctx, j); err != nil {
		return err
	}
	if set.Complete() { // only its outcome is missing
		if _, err := w.readOpinions(ctx, j); err != nil {
			return err
		}
		return w.finish(ctx, j, set)
	}
	if j.hasRows() {
		if err := w.writeRows(ctx, j, set); err != nil {
			return err
		}
		if err := w.writeText(ctx, j, set); err != nil {
			return err
		}
	}
	if err := w.writeParams(j, set); err != nil {
		return err
	}
	return w.finish(ctx, j, set)
}

// errNotYet is the reason of every delay.
var errNotYet = errors.New("not yet")

// wait says that something isn't there, and when to look again.
func (w *Writer) wait(j *job, what string) error {
	waited := w.now().Sub(j.stored)
	return bus.Delay(fmt.Errorf("%w: %s", errNotYet, what), min(max(waited/4, lookFirst), lookMost))
}
