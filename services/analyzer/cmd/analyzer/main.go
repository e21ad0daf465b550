// Command analyzer plans, analyses and has explained what ingest reads, beside
// ingest and reporter on a NATS server (nats.url).
package main

import (
	"os"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/analyzer"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(program.Main(program.Spec{
		Name:    "analyzer",
		Version: version,
		About:   "Cuts the log into windows, computes their statistics and has kinds of errors explained.",
		New: func(s config.Settings, env program.Env) (lifecycle.Service, error) {
			return analyzer.New(
				analyzer.Config{Analyzer: s.Analyzer, Report: s.Report, LLM: s.LLM},
				analyzer.Deps{Store: env.Store, Log: env.Log, Registerer: env.Registerer, Ready: env.Ready},
			)
		},
	}))
}
