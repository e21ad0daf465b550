package pipeline

import (
	"context"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/analyzer"
	"github.com/faultwire/faultwire/services/ingest"
	"github.com/faultwire/faultwire/services/reporter"
)

type named struct {
	name string
	lifecycle.Service
}

// services makes the three, upstream first.
func (p *Pipeline) services() ([]named, error) {
	source, err := p.ingest()
	if err != nil {
		return nil, wrongUse(err)
	}
	s := p.cfg.Settings
	middle, err := analyzer.New(analyzer.Config{Analyzer: s.Analyzer, Report: s.Report, LLM: s.LLM},
		analyzer.Deps{Store: p.store, Log: p.log, Registerer: p.registry, Ready: p.ready})
	if err != nil {
		return nil, program.Usage(err)
	}
	sink, err := reporter.New(reporter.Config{Report: s.Report, Output: s.Output, LLM: s.LLM, Version: p.cfg.Version, Alone: p.broker != nil},
		reporter.Deps{Store: p.store, Log: p.log, Registerer: p.registry, Ready: p.ready})
	if err != nil {
		return nil, program.Usage(err)
	}
	return []named{{"ingest", source}, {"analyzer", middle}, {"reporter", sink}}, nil
}

// ingest follows the slot, or only answers replays.
func (p *Pipeline) ingest() (lifecycle.Service, error) {
	cfg := p.Ingest()
	deps := ingest.Deps{Store: p.store, Log: p.log, Registerer: p.registry, Ready: p.ready}
	if !p.cfg.Follow {
		return ingest.NewReplayer(cfg, deps)
	}
	service, err := ingest.New(cfg, deps)
	if err != nil {
		return nil, err
	}
	return lifecycle.ServiceFunc(func(ctx context.Context) error { return wrongUse(service.Run(ctx)) }), nil
}

// Ingest is the settings of ingest, for ingest.Setup.
func (p *Pipeline) Ingest() ingest.Config {
	return ingest.Config{Postgres: p.cfg.Settings.Postgres, Ingest: p.cfg.Settings.Ingest}
}

// wrongUse marks faults of the settings, for the exit code.
func wrongUse(err error) error {
	if ingest.IsSettings(err) {
		return program.Usage(err)
	}
	return err
}
