package reporter

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/counters"
	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
	"github.com/faultwire/faultwire/services/reporter/internal/report"
	"github.com/faultwire/faultwire/services/reporter/internal/traffic"
)

const (
	leaseName = "reporter"
	leaseTTL  = 15 * time.Second
	// stopTimeout is for a report under work and the last state of the counters.
	stopTimeout = 8 * time.Second
)

// Deps is what the reporter works with.
type Deps struct {
	Store      topology.Store
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Ready      *telemetry.Readiness
}

// Service is the reporter. It is a [lifecycle.Service].
type Service struct {
	config   Config
	deps     Deps
	folder   *dayfile.Folder
	counters *counters.Reader
	requests *traffic.Reader
	metrics  *report.Metrics
}

// CheckOutput makes the output folder when it is missing and checks that files can
// be written there. Its error is one line that names output.dir and the remedy.
func CheckOutput(dir string) error { return dayfile.Check(dir) }

// New checks settings and output folder and registers metrics and the readiness
// check "reporter".
func New(c Config, d Deps) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	folder, err := dayfile.Open(c.Output.Dir)
	if err != nil {
		return nil, err
	}
	s := &Service{config: c, deps: d, folder: folder, counters: counters.NewReader(d.Store, d.Log), metrics: report.NewMetrics(c.Report.Every)}
	s.requests = traffic.NewReader(d.Store, s.counters, d.Log)
	for _, collector := range []prometheus.Collector{s.counters, s.requests, s.metrics} {
		if err := d.Registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of the reporter: %w", err)
		}
	}
	d.Ready.Add("reporter", s.ready)
	return s, nil
}

// Run waits for the lease, then writes reports and counts failures until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.config.Alone {
		return s.lead(ctx)
	}
	return bus.Hold(ctx, s.deps.Store.State, leaseName, bus.Holder(), leaseTTL, s.deps.Log, s.lead)
}

// lead is the work of the active reporter.
func (s *Service) lead(ctx context.Context) error {
	s.metrics.SetActive(true)
	defer s.metrics.SetActive(false)
	group := lifecycle.NewGroup(s.deps.Log, stopTimeout)
	group.Add("reports", lifecycle.ServiceFunc(s.writeReports))
	group.Add("counters", s.counters)
	group.Add("requests", s.requests)
	return group.Run(ctx)
}

// writeReports feeds the report writer with periods.
func (s *Service) writeReports(ctx context.Context) error {
	writer := report.New(report.Config{Report: s.config.Report, Output: s.config.Output, LLM: s.config.LLM, Version: s.config.Version}, s.deps.Store, s.folder, s.metrics, s.deps.Log)
	if err := writer.LastSuccess(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	router, err := bus.NewRouter(bus.RouterConfig{Log: s.deps.Log, Registerer: s.deps.Registerer, JetStream: s.deps.Store.JetStream})
	if err != nil {
		return err
	}
	subscriber := bus.NewSubscriber(s.deps.Store.JetStream, bus.SubscriberConfig{Log: s.deps.Log})
	router.AddConsumerHandler(topology.ReportWriter, bus.Topic(topology.Periods, topology.ReportWriter), subscriber, writer.Handle)
	return bus.Run(ctx, router, subscriber)
}

// ready is nil while the counters get on and the output folder can be written.
func (s *Service) ready(ctx context.Context) error {
	if err := s.counters.Progress(ctx); err != nil {
		return err
	}
	return dayfile.Check(s.config.Output.Dir)
}
