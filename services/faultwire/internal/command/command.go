// Package command is the command line of faultwire: what each command takes, does
// and prints, and its exit code.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/faultwire/internal/console"
)

// ExitNothing: a replay found nothing.
const ExitNothing = 3

// Process is what a command is given by the system.
type Process struct {
	Version string // of the build; empty = dev
	Args    []string
	Environ []string
	Stdin   io.Reader // nil = empty
	Stdout  io.Writer
	Stderr  io.Writer
}

// Main runs the command that the arguments name and returns its exit code. Faults
// are written to Stderr, a line each, the remedy last.
func Main(ctx context.Context, p Process) int {
	if p.Version == "" {
		p.Version = "dev"
	}
	s := &session{Process: p}
	root := s.root()
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errTold) {
		program.Report(p.Stderr, err, s.flags.Verbose)
	}
	return program.ExitCode(err)
}

// errTold ends a command whose output has said all there is to say.
var errTold = errors.New("told already")

// session is one run of the program.
type session struct {
	Process
	flags program.Flags
}

func (s *session) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "faultwire",
		Short: "Failures of a LiteLLM gateway: as metrics at once, as dated files with causes every hour",
		Long: `Faultwire follows the failed requests of a LiteLLM gateway in its PostgreSQL database. Each is on /metrics within
seconds; every report.every they are in dated files, with exact numbers by kind, model and key, and with an LLM's
hypothesis for each kind where one is configured.`,
		Example: `  faultwire demo                                                     see it work, with nothing of your own
  faultwire check --postgres-url postgres://user:password@host/litellm
  faultwire run --postgres-url postgres://user:password@host/litellm
  faultwire run --container litellm-db-1                             its database in Docker, whose address and password are found
  faultwire replay --days 7 --model gpt-4o`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return program.Usage(fmt.Errorf("%w; %s --help lists the flags", err, c.CommandPath()))
	})
	s.flags.Register(root.PersistentFlags())
	root.AddCommand(s.run(), s.check(), s.setup(), s.teardown(), s.replay(), s.demo(), s.version())
	return root
}

func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := "faultwire --help lists the commands"
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return program.Usage(fmt.Errorf("%q is no command: %s", args[0], text))
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return program.Usage(fmt.Errorf("%q: %s takes flags only; %s --help lists them", args[0], c.CommandPath(), c.CommandPath()))
}

// load reads the settings of a program that stays; more are the flags of one
// command.
func (s *session) load(needs config.Need, more ...config.Flag) (*config.Settings, *slog.Logger, error) {
	settings, err := s.flags.Load(s.Environ, needs, more...)
	if err != nil {
		return nil, nil, err
	}
	log := program.Logger(s.Stderr, settings.Log, s.flags.Verbose)
	program.Warn(log, settings)
	return settings, log, nil
}

// loadBriefly is load for a command that ends by itself and prints a result: its
// log says only what went wrong, unless it was asked to say more.
func (s *session) loadBriefly(needs config.Need, more ...config.Flag) (*config.Settings, *slog.Logger, error) {
	settings, log, err := s.load(needs, more...)
	if err == nil && settings.Log.Level == "info" && !s.flags.Verbose {
		settings.Log.Level = "error"
		log = program.Logger(s.Stderr, settings.Log, false)
	}
	return settings, log, err
}

// page is where a command writes its result.
func (s *session) page(settings *config.Settings) console.Page {
	here, err := os.Getwd()
	if err != nil {
		here = "" // the folder is gone: paths are shown whole
	}
	return console.Page{To: s.Stdout, Zone: settings.Report.Location(), Here: here}
}

// changed turns the flags of a command that were given into settings, by the path
// each stands for.
func changed(set *pflag.FlagSet, paths map[string]string) []config.Flag {
	var given []config.Flag
	set.Visit(func(f *pflag.Flag) {
		if path, ok := paths[f.Name]; ok {
			given = append(given, config.Flag{Name: "--" + f.Name, Path: path, Value: f.Value.String()})
		}
	})
	return given
}
