package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/analyzer"
	"github.com/faultwire/faultwire/services/faultwire/internal/surroundings"
	"github.com/faultwire/faultwire/services/ingest"
)

func (s *session) check() *cobra.Command {
	var asJSON, ready bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Look at everything that decides whether this will work, and say what mends what doesn't",
		Long: `Looks at LiteLLM's database and what this role may there, at the broker, the LLM, the output folder and the address of /metrics. Each is a line,
ok, warning or FAILED, with what to type or set for this deployment. It changes nothing and asks no model. Exit code 1: something FAILED.
--ready asks only whether the faultwire that runs on http.addr is ready: for health checks of containers.`,
		Example: `  faultwire check --postgres-url postgres://user:password@host:5432/litellm
  faultwire check --json
  faultwire check --ready`,
		Args: noArguments,
	}
	c.Flags().BoolVar(&asJSON, "json", false, `print one JSON object: {"checks": [{"name", "state", "text", "fix"}], "summary": "…"}`)
	c.Flags().BoolVar(&ready, "ready", false, "only ask the running program (http.addr) whether it is ready: exit code 0 or 1")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := apart(c, "ready", "json"); err != nil {
			return err
		}
		if ready {
			return s.askReady(c.Context())
		}
		settings, err := s.flags.Load(s.Environ, config.NeedPostgres)
		if err != nil {
			return err
		}
		return s.examine(c.Context(), settings, asJSON)
	}
	return c
}

// apart refuses a flag beside others that mean nothing with it.
func apart(c *cobra.Command, flag string, others ...string) error {
	for _, other := range others {
		if c.Flags().Changed(flag) && c.Flags().Changed(other) {
			return program.Usage(fmt.Errorf("--%s: means nothing with --%s; leave one out", other, flag))
		}
	}
	return nil
}

// askReady needs nothing but http.addr.
func (s *session) askReady(ctx context.Context) error {
	settings, err := s.flags.Load(s.Environ, 0)
	if err != nil {
		return err
	}
	if err := program.AskReady(ctx, settings.HTTP.Addr); err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, "ready")
	return nil
}

// examine looks at one thing after the other and prints each finding at once; JSON
// comes at the end.
func (s *session) examine(ctx context.Context, settings *config.Settings, asJSON bool) error {
	page := s.page(settings)
	all := []doctor.Finding{}
	add := func(findings ...doctor.Finding) {
		for i := range findings {
			if !asJSON {
				page.Finding(&findings[i])
			}
		}
		all = append(all, findings...)
	}
	for _, text := range settings.Warnings {
		add(doctor.Warn("settings", "", "%s", text))
	}
	database, err := ingest.Examine(ctx, ingest.Config{Postgres: settings.Postgres, Ingest: settings.Ingest})
	if err != nil {
		return wrongUse(err)
	}
	add(database.Findings...)
	add(surroundings.LookAtBroker(ctx, settings.NATS))
	llm := analyzer.Examine(ctx, settings.LLM)
	add(llm)
	add(surroundings.LookAtOutput(settings.Output.Dir))
	add(surroundings.LookAtHTTP(ctx, settings.HTTP.Addr))
	add(surroundings.LookAtZone(settings.Report, time.Now()))
	if ctx.Err() != nil {
		return fmt.Errorf("check: interrupted: %w", context.Cause(ctx))
	}
	summary := summarize(all, database.Mode, settings.LLM.Enabled && llm.State != doctor.Failed)
	if !asJSON {
		page.Line("%s", summary)
	} else if err := s.printJSON(map[string]any{"checks": all, "summary": summary}); err != nil {
		return err
	}
	if doctor.Count(all, doctor.Failed) > 0 {
		return errTold
	}
	return nil
}

func (s *session) printJSON(value any) error {
	encoder := json.NewEncoder(s.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// summarize says what all findings mean.
func summarize(findings []doctor.Finding, mode string, llm bool) string {
	var counts []string
	for _, n := range []struct {
		state     doctor.State
		one, many string
	}{{doctor.Failed, "failed", "failed"}, {doctor.Warning, "warning", "warnings"}} {
		switch count := doctor.Count(findings, n.state); count {
		case 0:
		case 1:
			counts = append(counts, "1 "+n.one)
		default:
			counts = append(counts, fmt.Sprintf("%d %s", count, n.many))
		}
	}
	if len(counts) == 0 {
		counts = []string{"all is well"}
	}
	return strings.Join(counts, ", ") + ": " + consequence(findings, mode, llm)
}

// consequence is whether and how it will run.
func consequence(findings []doctor.Finding, mode string, llm bool) string {
	for i := range findings {
		f := &findings[i]
		if f.State == doctor.Failed && (f.Name == surroundings.Output || f.Name == surroundings.Broker || f.Name == surroundings.HTTP) {
			return "it will not run before " + f.Name + " is mended"
		}
	}
	if mode == ingest.ModeNone {
		return "it will not run before the database can be read"
	}
	text := "it will run, by " + mode
	if !llm {
		text += ", without LLM"
	}
	return text
}
