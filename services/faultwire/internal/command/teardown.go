package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
	"github.com/faultwire/faultwire/services/ingest"
)

// removal is what teardown was told.
type removal struct {
	adminURL, role string
	yes, force     bool
}

func (s *session) teardown() *cobra.Command {
	var r removal
	c := &cobra.Command{
		Use:   "teardown",
		Short: "Remove every trace of faultwire from LiteLLM's database",
		Long: `Removes the replication slot, then the publication, and with --admin-url the role that setup made. The slot comes first: while it is
there the server keeps WAL for it, and doesn't start at all once wal_level is lowered. LiteLLM's tables are not touched. It asks before it
does anything, unless --yes; a slot that somebody follows stays (exit code 1) unless --force. It can be repeated. What is on this machine,
the data folder and the reports, is only named.`,
		Example: `  faultwire teardown --postgres-url postgres://user:password@host:5432/litellm
  faultwire teardown --yes --admin-url postgres://postgres:password@host:5432/litellm`,
		Args: noArguments,
	}
	c.Flags().StringVar(&r.adminURL, "admin-url", "", adminHelp+"; removes the role too")
	c.Flags().StringVar(&r.role, "role", ingest.DefaultRole, "name of the role that setup made")
	c.Flags().BoolVar(&r.yes, "yes", false, "don't ask")
	c.Flags().BoolVar(&r.force, "force", false, "end the connection of whoever follows the slot")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if r.adminURL == "" && !c.Flags().Changed("role") {
			r.role = ""
		}
		settings, _, err := s.loadAdmin(r.adminURL)
		if err != nil {
			return err
		}
		return s.remove(c.Context(), settings, r)
	}
	return c
}

func (s *session) remove(ctx context.Context, settings *config.Settings, r removal) error {
	cfg := ingest.Config{Postgres: settings.Postgres, Ingest: settings.Ingest}
	page := s.page(settings)
	traces, err := ingest.FindTraces(ctx, cfg, r.role)
	if err != nil {
		return wrongUse(err)
	}
	if traces.None() {
		page.Line("nothing of faultwire is left in %s", traces.Target)
		return leftovers(page, settings)
	}
	if !r.yes {
		if !isPerson(s.Stdin) {
			return program.Usage(errors.New("--yes: teardown asks before it removes anything, and there is no terminal to ask on: add --yes"))
		}
		page.Line("In %s, this removes:", traces.Target)
		list(page, cfg, r.role, traces)
		if !s.confirmed(ctx, "Go on?") {
			page.Line("nothing was changed")
			return errTold
		}
	}
	done, err := ingest.Teardown(ctx, cfg, ingest.Removal{Role: r.role, Force: r.force})
	for _, who := range done.Ended {
		page.Whole("ended", who+": stop that program, or it makes the slot again")
	}
	page.Whole("slot", cfg.Ingest.Slot+removedOrNot(done.Slot, traces.Slot, err))
	if err == nil || done.Publication {
		page.Whole("publication", cfg.Ingest.Publication+removedOrNot(done.Publication, traces.Publication, err))
	}
	if r.role != "" && (err == nil || done.Role) {
		page.Whole("role", r.role+removedOrNot(done.Role, traces.Role, err))
	}
	if err != nil {
		return teardownFailed(err)
	}
	return leftovers(page, settings)
}

// list says what there is.
func list(page console.Page, cfg ingest.Config, role string, t ingest.Traces) {
	if t.Slot {
		text := fmt.Sprintf("%s, which makes the server keep %s of WAL, and not start once wal_level is lowered", cfg.Ingest.Slot, plain.Size(max(t.Retained, 0)))
		if t.Follower != "" {
			text += "; followed by " + t.Follower
		}
		page.Whole("slot", text)
	}
	if t.Publication {
		page.Whole("publication", cfg.Ingest.Publication)
	}
	if t.Role {
		page.Whole("role", role+", with what was granted to it")
	}
}

func removedOrNot(removed, was bool, err error) string {
	switch {
	case removed:
		return ", removed"
	case was && err != nil:
		return ", still there"
	}
	return ", nothing to remove"
}

// teardownFailed keeps a slot that somebody follows apart from wrong settings: to
// stop that program, or --force, is no fault of theirs.
func teardownFailed(err error) error {
	if ingest.IsFollowed(err) {
		return err
	}
	return wrongUse(err)
}

// leftovers names what is on this machine: reports are the user's.
func leftovers(page console.Page, settings *config.Settings) error {
	var paths []string
	for _, path := range []string{settings.NATS.StoreDir, settings.Output.Dir} {
		if info, err := os.Stat(path); err == nil && info.IsDir() && path != "" {
			paths = append(paths, quotedPath(path))
		}
	}
	if len(paths) > 0 {
		page.Whole("on disk", "data and reports stay; to remove them too: rm -r "+strings.Join(paths, " "))
	}
	return nil
}

// quotedPath is a path for a shell.
func quotedPath(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@+") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
