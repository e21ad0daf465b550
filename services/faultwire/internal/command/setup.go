package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
	"github.com/faultwire/faultwire/services/ingest"
)

const adminHelp = "LiteLLM's database as a superuser, or as the administrator of a managed service; a password may stand in PGPASSWORD"

// preparation is what setup was told.
type preparation struct {
	adminURL, role string
	save           string
	rotate, print  bool
}

func (s *session) setup() *cobra.Command {
	var p preparation
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make the publication and the replication slot in LiteLLM's database, and a role for faultwire",
		Long: `Makes the publication and the replication slot that failures are followed by, where they are missing, and checks those that
are there. run does the same by itself where its role may; setup is for a role that may more, and --print for somebody who runs SQL by hand.
With --admin-url it also makes a role that may read what faultwire needs, replicate, and nothing else; its URL, with a new password, is
shown once, or written to the file of --save. Nothing else is changed, and it can be repeated: an existing role keeps its password.`,
		Example: `  faultwire setup --postgres-url postgres://postgres:password@host/litellm
  faultwire setup --admin-url postgres://postgres:password@host/litellm --save faultwire.url
  faultwire setup --print | psql "$DATABASE_URL"`,
		Args: noArguments,
	}
	set := c.Flags()
	set.StringVar(&p.adminURL, "admin-url", "", adminHelp+"; makes the role too")
	set.StringVar(&p.role, "role", ingest.DefaultRole, "name of the role")
	set.StringVar(&p.save, "save", "", "new file for the role's URL, to be read by its owner only (0600), instead of showing it")
	set.BoolVar(&p.rotate, "rotate", false, "give an existing role a new password")
	set.BoolVar(&p.print, "print", false, "only print the SQL, change nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := apart(c, "print", "save", "rotate"); err != nil {
			return err
		}
		withRole := p.adminURL != "" || set.Changed("role") || p.rotate || p.save != ""
		settings, log, err := s.loadAdmin(p.adminURL)
		if err != nil {
			return err
		}
		cfg := ingest.Config{Postgres: settings.Postgres, Ingest: settings.Ingest}
		if p.print {
			return s.printSQL(c.Context(), cfg, p.role)
		}
		page := s.page(settings)
		if !withRole {
			return prepare(c.Context(), page, cfg, log)
		}
		made, err := s.makeRole(c.Context(), page, cfg, p)
		if err != nil {
			return err
		}
		err = prepare(c.Context(), page, cfg, log)
		if ingest.MayNotReplicate(err) && made.User != "" { // but the role that was made now may
			cfg.Postgres = made
			err = prepare(c.Context(), page, cfg, log)
		}
		return err
	}
	return c
}

// loadAdmin reads the settings of a command that changes the database; adminURL
// takes the place of postgres.url.
func (s *session) loadAdmin(adminURL string) (*config.Settings, *slog.Logger, error) {
	var more []config.Flag
	if adminURL != "" {
		more = append(more, config.Flag{Name: "--admin-url", Path: "postgres.url", Value: adminURL})
	}
	return s.loadBriefly(config.NeedPostgres, more...)
}

// prepare makes publication and slot.
func prepare(ctx context.Context, page console.Page, cfg ingest.Config, log *slog.Logger) error {
	report, err := ingest.Setup(ctx, cfg, log)
	if err != nil {
		return wrongUse(err)
	}
	page.Whole("postgres", database(report))
	page.Whole("table", report.Table)
	page.Whole("publication", report.Publication+madeOrThere(report.PublicationMade))
	page.Whole("slot", report.Slot+madeOrThere(report.SlotMade))
	for _, warning := range report.Warnings {
		page.Whole("warning", warning)
	}
	return nil
}

// makeRole makes the role and hands its URL over. made is how to connect as it, where
// its password is known.
func (s *session) makeRole(ctx context.Context, page console.Page, cfg ingest.Config, p preparation) (made config.Postgres, err error) {
	keeper := &keeper{path: p.save, replace: p.rotate, person: isPerson(s.Stdout)}
	role, err := ingest.MakeRole(ctx, cfg, ingest.NewRole{Name: p.role, Rotate: p.rotate, Keep: keeper.keep})
	if err != nil {
		return made, errors.Join(wrongUse(err), keeper.forget())
	}
	switch {
	case role.Made:
		page.Whole("role", p.role+", made now: it may read what faultwire needs, and replicate")
	case role.Password:
		page.Whole("role", p.role+", was there: it has a new password")
	default:
		page.Whole("role", p.role+", was there: its rights are as they must be, its password is what it was (--rotate makes a new one)")
		return made, nil
	}
	url, use, err := keeper.done()
	if err != nil {
		return made, err
	}
	page.Whole("url", url)
	for _, line := range use {
		page.Whole("", line)
	}
	return keeper.connection, nil
}

// printSQL prints the statements also when the database doesn't answer: whoever
// runs them by hand is perhaps the only one who can reach it.
func (s *session) printSQL(ctx context.Context, cfg ingest.Config, role string) error {
	forRole, err := ingest.RoleSQL(ctx, cfg, role)
	if len(forRole) == 0 && err != nil {
		return wrongUse(err)
	}
	statements, err := ingest.SetupSQL(ctx, cfg)
	if len(statements) == 0 && err != nil {
		return wrongUse(err)
	}
	if err != nil {
		fmt.Fprintf(s.Stdout, "-- For PostgreSQL 15 and later with LiteLLM 1.68 and later: the database could not be looked at.\n")
		program.Report(s.Stderr, err, s.flags.Verbose)
	}
	fmt.Fprintf(s.Stdout, "-- A role that may do what faultwire needs, and nothing else. A new one has no password yet; in psql: \\password %s\n", role)
	for _, statement := range forRole {
		fmt.Fprintln(s.Stdout, statement)
	}
	fmt.Fprintln(s.Stdout, "-- What failures are followed by: first the publication, then the slot.")
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
