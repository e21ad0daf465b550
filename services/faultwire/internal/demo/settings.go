package demo

import (
	"strings"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
)

// settings are those of run, with short windows and free ports. No file and no
// FAULTWIRE_ variable is read; the time zone is the machine's, for names of files
// are for people.
func (d *demo) settings() (*config.Settings, error) {
	set := func(path, value string) config.Flag { return config.Flag{Name: "demo", Path: path, Value: value} }
	return config.Load(config.Options{
		Dir: d.dir, Needs: config.NeedPostgres,
		Environ: zoneOf(d.cfg.Environ),
		Flags: []config.Flag{
			set("postgres.url", d.database.url()),
			set("nats.store_dir", d.store()),
			set("analyzer.window", demoWindow.String()),
			set("llm.url", d.llm.URL()),
			set("llm.model", standin.Model),
			set("llm.timeout", "10s"),
			set("llm.calls_per_hour", "1000"),
			set("llm.calls_per_day", "1000"),
			set("output.dir", d.cfg.OutputDir),
			set("http.addr", "127.0.0.1:0"),
		},
	})
}

// zoneOf keeps TZ of an environment.
func zoneOf(environ []string) []string {
	for _, pair := range environ {
		if strings.HasPrefix(pair, "TZ=") {
			return []string{pair}
		}
	}
	return nil
}
