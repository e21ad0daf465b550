package command

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/services/faultwire/internal/demo"
)

func (s *session) demo() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work with nothing of your own: a throwaway PostgreSQL and real requests of a LiteLLM",
		Long: `Starts a throwaway PostgreSQL (an installed one, else a download of 15 MB), writes real requests of a LiteLLM into it as live traffic and
follows them as run would, with a stand-in for an LLM. It reads no settings, takes free ports, and leaves nothing behind but the output
folder and the download cache, which it names.`,
		Example: `  faultwire demo
  faultwire demo --once --output-dir /tmp/faultwire-demo`,
		Args: noArguments,
	}
	c.Flags().BoolVar(&once, "once", false, "end when the first report with all failures is complete")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if s.flags.Config != "" || s.flags.PostgresURL != "" || s.flags.Container != "" {
			return program.Usage(errors.New("demo reads no settings and no database of yours: leave --config, --postgres-url and --container out, or use `faultwire run`"))
		}
		here, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("find the working folder: %w", err)
		}
		output, err := filepath.Abs(cmp.Or(s.flags.OutputDir, config.Default().Output.Dir))
		if err != nil {
			return fmt.Errorf("--output-dir: %w", err)
		}
		level := slog.LevelError
		if s.flags.Verbose {
			level = slog.LevelDebug
		}
		return demo.Run(c.Context(), demo.Config{
			Version: s.Version, OutputDir: output, Once: once, Environ: s.Environ, Stdout: s.Stdout, Here: here,
			Log: telemetry.NewLogger(s.Stderr, "text", level),
		})
	}
	return c
}
