package command

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
	"github.com/faultwire/faultwire/services/ingest"
)

// topOfRun is how many kinds of the last day are shown at a first start.
const topOfRun = 5

func (s *session) run() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Follow LiteLLM's database: metrics at once, dated files every report.every",
		Long: `Runs ingest, analyzer and reporter in one process, around a NATS server of its own in nats.store_dir (or the one of nats.url).
What is missing of publication and slot is made where the role may. On an empty store the last 24 hours are read from the table first.
Ctrl-C or SIGTERM ends it within 10 s; nothing is lost.`,
		Example: `  faultwire run --postgres-url postgres://user:password@host:5432/litellm
  faultwire run --container litellm-db-1
  DATABASE_URL=postgres://… faultwire run --config faultwire.yaml`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, log, err := s.load(config.NeedPostgres)
			if err != nil {
				return err
			}
			return s.follow(c.Context(), settings, log)
		},
	}
}

// follow runs the pipeline until ctx ends, which is no error.
func (s *session) follow(ctx context.Context, settings *config.Settings, log *slog.Logger) error {
	p, err := pipeline.Open(ctx, pipeline.Config{Settings: *settings, Version: s.Version, Follow: true}, log)
	if err != nil {
		return interrupted(ctx, err)
	}
	report, err := ingest.Prepare(ctx, p.Ingest(), log)
	if err != nil {
		p.CloseQuietly()
		return interrupted(ctx, wrongUse(err))
	}
	page := s.page(settings)
	page.Head(s.head(settings, p, report))
	lastDay, err := p.LastDay(ctx, time.Now())
	if err != nil {
		p.CloseQuietly()
		return interrupted(ctx, err)
	}
	return interrupted(ctx, p.Run(ctx, func(ctx context.Context) error { return tell(ctx, p, page, settings, lastDay) }))
}

// interrupted makes the end of ctx no error.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// tell prints what becomes of the failures, until ctx ends; lastDay is the run of
// the first replay, if there is one.
func tell(ctx context.Context, p *pipeline.Pipeline, page console.Page, settings *config.Settings, lastDay string) error {
	if lastDay != "" {
		outcome, err := p.Await(ctx, lastDay)
		if err != nil {
			return err
		}
		page.Field("last day", page.Result(&outcome))
		page.Kinds(&outcome, topOfRun)
	}
	page.Field("following", "new failures appear in the metrics at once, in the files every "+every(settings.Report.Every)+". Ctrl-C stops; nothing is lost.")
	began := time.Now()
	return p.Outcomes(ctx, event.RunLive, func(o *event.Outcome) bool {
		if o.At.After(began) { // not one of an earlier process
			page.Report(o)
		}
		return true
	})
}

func (s *session) head(settings *config.Settings, p *pipeline.Pipeline, r ingest.Report) console.Head {
	h := console.Head{
		Version: s.Version, Data: settings.NATS.StoreDir, HTTP: p.Addr(), Postgres: database(r),
		Mode: mode(r),
		LLM:  llm(settings.LLM),
	}
	if settings.NATS.URL != "" {
		h.Data = settings.NATS.URL.String()
	}
	return h
}

// mode says how failures are read, and what another way would need.
func mode(r ingest.Report) []string {
	switch {
	case r.Mode != config.ModePoll:
		streaming := "streaming through slot " + r.Slot + madeOrThere(r.SlotMade) + ", publication " + r.Publication + madeOrThere(r.PublicationMade)
		return append([]string{streaming}, r.Warnings...)
	case r.Missing == "": // as it is wanted
		return []string{"polling every 10 s"}
	}
	return []string{"polling every 10 s, which changes nothing in the database. Streaming would cut the delay from ~10 s to under 1 s:", r.Missing, "All that it needs: `faultwire check`"}
}

// llm says who explains kinds, or why nobody does.
func llm(c config.LLM) string {
	switch {
	case c.Enabled:
		return c.Model + " at " + withoutPassword(c.URL)
	case c.URL != "":
		return "off by llm.enabled; everything else works without"
	}
	return "off (set llm.url and llm.model for causes and advice; everything else works without)"
}

func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil { // settings made by hand; Load refuses it
		return "llm.url"
	}
	return u.Redacted()
}

// every writes 1h0m0s as 1h.
func every(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}
