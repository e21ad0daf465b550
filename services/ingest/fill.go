package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/fill"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// late is how long before its commit a request may have begun: LiteLLM's timeouts
	// take up to 100 minutes.
	late = 24 * time.Hour

	fillAgain = 5 * time.Second
	fillSay   = 10 * time.Minute
)

// fill reads what is missing out of the table beside a session, until ctx ends
// (nil).
func (f *follower) fill(ctx context.Context, v *visit, progress *feed.Progress) error {
	var said time.Time
	for ctx.Err() == nil {
		changed := f.gap.Changed()
		var err error
		switch missing := f.gap.Named(); {
		case f.gap.Holding():
		case missing != nil:
			if err = f.read(ctx, v, progress, f.missed(missing.From, fill.Range{Room: f.storm.Room})); err == nil {
				f.gap.Filled(missing)
				continue
			}
		case f.gap.History():
			if err = f.readHistory(ctx, v, progress, time.Time{}); err == nil {
				f.gap.SetHistory(false)
				continue
			}
		}
		if errors.Is(err, errLater) {
			continue
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		if ctx.Err() == nil && time.Since(said) > fillSay {
			said = time.Now()
			f.log.Error("can't read failures out of LiteLLM's table, trying again; until then they are missing", "error", err)
		}
		if postgres.IsSettings(err) && f.gap.Named() == nil {
			f.gap.SetHistory(false) // without the right there is no history
			continue
		}
		lifecycle.Pause(ctx, fillAgain)
	}
	return nil
}

// readHistory reads the rows from before our first start; before zero = open.
func (f *follower) readHistory(ctx context.Context, v *visit, progress *feed.Progress, before time.Time) error {
	history := f.db.cfg.Ingest.History
	from := f.clock.Now().Add(-history)
	return f.read(ctx, v, progress, fill.Range{From: from, To: before, Mark: failure.History, Room: func(context.Context) (bool, error) {
		if progress != nil && f.gap.Named() != nil { // who polls fills gaps meanwhile
			return false, errLater
		}
		return !f.storm.Full(), nil
	}})
}

// missed makes r the range of rows that may have been committed after from. What IDS
// may have forgotten is left alone: it would come twice.
func (f *follower) missed(from time.Time, r fill.Range) fill.Range {
	now := f.clock.Now()
	if from.After(now) { // somebody set the database's clock back
		from = now
	}
	r.Mark, r.Since, r.From = failure.Missed, from, from.Add(-late)
	if oldest := now.Add(-ids.KnownFor); r.From.Before(oldest) {
		f.log.Warn("failures older than the log's memory can't be read into it any more; `faultwire replay` reads them", "before", oldest.UTC().Format(time.RFC3339))
		r.From = oldest
	}
	return r
}

// read fills a range on a connection of its own and says how it went.
func (f *follower) read(ctx context.Context, v *visit, progress *feed.Progress, r fill.Range) error {
	conn, err := f.db.dialer.SQL(ctx)
	if err != nil {
		return err
	}
	defer postgres.Close(ctx, conn)
	what := "what was missing"
	if r.Mark == failure.History {
		what = "history"
	}
	began := time.Now()
	got, err := f.filler(v, progress, conn).Run(ctx, r)
	f.metrics.Filled(r.Mark, got.Missing)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	took := time.Since(began).Round(time.Millisecond)
	if !got.Whole {
		f.log.Warn("the log has no more room for history: what is older stays in LiteLLM's table, where `faultwire replay` reads it",
			"read_back_to", got.Oldest.Format(time.RFC3339), "failures", got.Missing, "took", took)
		return nil
	}
	f.log.Info("read out of LiteLLM's table", "what", what, "from", r.From.UTC().Format(time.RFC3339), "failures", got.Missing, "known", got.Known, "took", took)
	return nil
}
