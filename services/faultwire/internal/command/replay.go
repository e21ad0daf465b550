package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
	"github.com/faultwire/faultwire/services/ingest"
)

// topOfReplay is how many kinds a replay prints; its files hold all.
const topOfReplay = 10

var errInterrupted = errors.New("interrupted before the report was complete; run it again")

// replayFlags are the flags of replay and the settings they stand for.
func replayFlags() map[string]string {
	return map[string]string{
		"start": "replay.start", "end": "replay.end", "days": "replay.days", "model": "replay.model", "key": "replay.key",
		"limit": "replay.limit", "time-filter": "replay.time_filter",
	}
}

func (s *session) replay() *cobra.Command {
	defaults := config.Default().Replay
	var noLLM bool
	c := &cobra.Command{
		Use:   "replay",
		Short: "Report on failures of the past, read from LiteLLM's table",
		Long: `Reads failed rows from LiteLLM's table and makes one report of them: the same files, numbers and explanations as a live one.
It needs SELECT on the table and nothing else, and may run beside run. Filters combine with AND; times are UTC, as stored.
Exit code 3: nothing was found, and the output says which filter left nothing.`,
		Example: `  faultwire replay --days 7
  faultwire replay --start "2025-12-20 00:00:00" --end "2025-12-25 23:59:59" --model external-qwen3-30b --limit 200
  faultwire replay --key agent --time-filter=false --no-llm`,
		Args: noArguments,
	}
	set := c.Flags()
	set.String("start", "", `first startTime, "YYYY-MM-DD HH:MM:SS" in UTC or RFC 3339, inclusive (replay.start)`)
	set.String("end", "", "last startTime, written like --start, inclusive (replay.end)")
	set.Int("days", defaults.Days, "with neither start nor end: the last N days of 24 h (replay.days)")
	set.String("model", "", "exact model or model group (replay.model)")
	set.String("key", "", "exact key alias (replay.key)")
	set.Int("limit", defaults.Limit, "newest rows, 0 = all; given here, it lifts the caps of the files (replay.limit)")
	set.Bool("time-filter", defaults.TimeFilter, "false: select by model or key alone, of any time (replay.time_filter)")
	set.BoolVar(&noLLM, "no-llm", false, "ask no LLM and wait for none")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, log, err := s.loadBriefly(config.NeedPostgres, changed(set, replayFlags())...)
		if err != nil {
			return err
		}
		request := newRequest(settings.Replay, set.Changed("limit"), noLLM)
		if noLLM {
			settings.LLM.Enabled = false
		}
		return s.again(c.Context(), settings, log, request)
	}
	return c
}

func newRequest(r config.Replay, explicitLimit, noLLM bool) event.ReplayRequest {
	return event.ReplayRequest{
		V: event.Version, ID: "replay-" + strings.ToLower(rand.Text()), Asked: time.Now().UTC(), NoLLM: noLLM,
		Query: event.Query{
			Start: r.Start, End: r.End, Days: r.Days, Model: r.Model, Key: r.Key,
			TimeFilter: r.TimeFilter, Limit: r.Limit, ExplicitLimit: explicitLimit,
		},
	}
}

// again makes one replay and prints what came of it.
func (s *session) again(ctx context.Context, settings *config.Settings, log *slog.Logger, request event.ReplayRequest) (err error) {
	if err := ingest.Check(ctx, ingest.Config{Postgres: settings.Postgres, Ingest: settings.Ingest}, log); err != nil {
		return wrongUse(err)
	}
	p, remove, err := s.openReplay(ctx, settings, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	// Before the services run, which would begin with what an interrupted one left.
	if err := errors.Join(p.Forget(ctx), p.Request(ctx, request)); err != nil {
		return errors.Join(err, p.Close())
	}
	var outcome *event.Outcome
	err = p.Run(ctx, func(ctx context.Context) error {
		defer s.progress(ctx, p, request.ID)()
		o, err := p.Await(ctx, request.ID)
		if err == nil {
			outcome = &o
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case outcome == nil:
		return errInterrupted
	}
	return s.result(s.page(settings), request.Query, outcome)
}

// openReplay opens a pipeline around a broker of its own, beside that of run. It is
// kept for its explanations and the LLM's budget; while another replay has it, a
// folder for this one alone does.
func (s *session) openReplay(ctx context.Context, settings *config.Settings, log *slog.Logger) (p *pipeline.Pipeline, remove func() error, err error) {
	settings.NATS.URL = ""
	settings.NATS.StoreDir = filepath.Join(settings.NATS.StoreDir, "replay")
	cfg := pipeline.Config{Settings: *settings, Version: s.Version}
	remove = func() error { return nil }
	if p, err = pipeline.Open(ctx, cfg, log); !errors.Is(err, broker.ErrLocked) {
		return p, remove, err
	}
	dir, err := os.MkdirTemp("", "faultwire-replay-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for this replay: %w", err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	cfg.Settings.NATS.StoreDir = dir
	if p, err = pipeline.Open(ctx, cfg, log); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return p, remove, nil
}

// result prints the outcome; what it is decides the exit code.
func (s *session) result(page console.Page, q event.Query, o *event.Outcome) error {
	switch {
	case o.Failed != "":
		return fmt.Errorf("replay: %s", o.Failed)
	case o.Matched == 0:
		page.Nothing(q, o)
		return program.Exit(ExitNothing, errTold)
	}
	page.Replayed(o, topOfReplay)
	return nil
}
