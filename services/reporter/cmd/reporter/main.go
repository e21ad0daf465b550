// Command reporter writes reports and counts failures, beside ingest and analyzer
// on a NATS server (nats.url).
package main

import (
	"os"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/reporter"
	"github.com/faultwire/faultwire/services/reporter/internal/privilege"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(program.Main(program.Spec{
		Name:    "reporter",
		Version: version,
		About:   "Writes the dated files of every report and the counters of failures.",
		New: func(s config.Settings, env program.Env) (lifecycle.Service, error) {
			owner, err := privilege.Drop(s.Output.Dir)
			if err != nil {
				return nil, program.Usage(err)
			}
			if owner.Changed {
				env.Log.Info("became the owner of the output folder", "uid", owner.UID, "gid", owner.GID)
			}
			if err := reporter.CheckOutput(s.Output.Dir); err != nil {
				return nil, program.Usage(err)
			}
			return reporter.New(
				reporter.Config{Report: s.Report, Output: s.Output, LLM: s.LLM, Version: version},
				reporter.Deps{Store: env.Store, Log: env.Log, Registerer: env.Registerer, Ready: env.Ready},
			)
		},
	}))
}
