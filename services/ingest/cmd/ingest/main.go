// Command ingest follows LiteLLM's database and writes its failures to NATS.
package main

import (
	"context"
	"os"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/ingest"
)

// version is set by the build: -ldflags "-X main.version=…".
var version string

func main() {
	os.Exit(program.Main(program.Spec{
		Name:    "ingest",
		Version: version,
		About:   "Follows LiteLLM's database and writes its failures to NATS.",
		Needs:   config.NeedPostgres,
		New:     newService,
	}))
}

func newService(s config.Settings, env program.Env) (lifecycle.Service, error) {
	service, err := ingest.New(ingest.Config{Postgres: s.Postgres, Ingest: s.Ingest},
		ingest.Deps{Store: env.Store, Log: env.Log, Registerer: env.Registerer, Ready: env.Ready})
	if err != nil {
		return nil, wrongUse(err)
	}
	return lifecycle.ServiceFunc(func(ctx context.Context) error { return wrongUse(service.Run(ctx)) }), nil
}

// wrongUse marks faults of the settings, for the exit code.
func wrongUse(err error) error {
	if ingest.IsSettings(err) {
		return program.Usage(err)
	}
	return err
}
