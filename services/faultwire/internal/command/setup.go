package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/ingest"
)

func (s *session) setup() *cobra.Command {
	var sql bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make the publication and the replication slot in LiteLLM's database",
		Long: `Makes the publication and the replication slot that failures are followed by, where they are missing, and checks those that
are there. Nothing else is changed, and it can be repeated. run does the same by itself where its role may; setup is for a role that may
more, and --print for somebody who runs SQL by hand.`,
		Example: `  faultwire setup --postgres-url postgres://postgres:password@host/litellm
  faultwire setup --print | psql "$DATABASE_URL"`,
		Args: noArguments,
	}
	c.Flags().BoolVar(&sql, "print", false, "only print the SQL, change nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, log, err := s.loadBriefly(config.NeedPostgres)
		if err != nil {
			return err
		}
		cfg := ingest.Config{Postgres: settings.Postgres, Ingest: settings.Ingest}
		if sql {
			return s.printSQL(c.Context(), cfg)
		}
		report, err := ingest.Setup(c.Context(), cfg, log)
		if err != nil {
			return wrongUse(err)
		}
		page := s.page(settings)
		page.Field("postgres", database(report))
		page.Field("table", report.Table)
		page.Field("publication", report.Publication+madeOrThere(report.PublicationMade))
		page.Field("slot", report.Slot+madeOrThere(report.SlotMade))
		for _, warning := range report.Warnings {
			page.Field("warning", warning)
		}
		return nil
	}
	return c
}

// printSQL prints the statements also when the database doesn't answer: whoever
// runs them by hand is perhaps the only one who can reach it.
func (s *session) printSQL(ctx context.Context, cfg ingest.Config) error {
	statements, err := ingest.SetupSQL(ctx, cfg)
	if len(statements) == 0 && err != nil {
		return wrongUse(err)
	}
	if err != nil {
		fmt.Fprintf(s.Stdout, "-- For PostgreSQL 15 and later with LiteLLM 1.68 and later: the database could not be looked at.\n")
		program.Report(s.Stderr, err, s.flags.Verbose)
	}
	for _, statement := range statements {
		fmt.Fprintln(s.Stdout, statement)
	}
	return nil
}

func madeOrThere(made bool) string {
	if made {
		return ", made now"
	}
	return ", was there"
}

// database says who we are where, the server's version, and the way into its
// container.
func database(r ingest.Report) string {
	text := r.Target + " (PostgreSQL " + r.Server + ")"
	if r.Route != "" {
		text += ", reached " + r.Route
	}
	return text
}

// wrongUse marks faults of the settings, for the exit code.
func wrongUse(err error) error {
	if ingest.IsSettings(err) {
		return program.Usage(err)
	}
	return err
}
