package program

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/faultwire/faultwire/pkg/config"
)

// Flags are those that every program and command takes.
type Flags struct {
	Config      string // --config
	OutputDir   string // --output-dir
	PostgresURL string // --postgres-url
	Container   string // --container
	Verbose     bool   // --verbose
}

// FlagSet is what both [flag.FlagSet] and pflag's have.
type FlagSet interface {
	StringVar(p *string, name, value, usage string)
	BoolVar(p *bool, name string, value bool, usage string)
}

// Register adds the flags to set.
func (f *Flags) Register(set FlagSet) {
	set.StringVar(&f.Config, "config", "", "settings file; else FAULTWIRE_CONFIG, else ./faultwire.yaml if it exists")
	set.StringVar(&f.OutputDir, "output-dir", "", "folder of the dated files (output.dir)")
	set.StringVar(&f.PostgresURL, "postgres-url", "", "LiteLLM's database (postgres.url); other users of this machine see flags, the environment they don't")
	set.StringVar(&f.Container, "container", "", "Docker container of LiteLLM's database: nothing else to set (postgres.container)")
	set.BoolVar(&f.Verbose, "verbose", false, "causes of errors, and log.level debug")
}

// Load reads the settings from flags, environment (os.Environ()) and file. more are
// the flags of one command.
func (f *Flags) Load(environ []string, needs config.Need, more ...config.Flag) (*config.Settings, error) {
	var given []config.Flag
	for _, flag := range []config.Flag{
		{Name: "--output-dir", Path: "output.dir", Value: f.OutputDir},
		{Name: "--postgres-url", Path: "postgres.url", Value: f.PostgresURL},
		{Name: "--container", Path: "postgres.container", Value: f.Container},
	} {
		if flag.Value != "" {
			given = append(given, flag)
		}
	}
	return config.Load(config.Options{File: f.Config, Flags: append(given, more...), Environ: environ, Needs: needs})
}

// WriteSettings lists every setting with its variable and default, for --help.
func WriteSettings(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range config.Describe() {
		text := s.Help
		if s.Default != "" {
			text += " (default " + s.Default + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Path, s.Env, text)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	return nil
}
