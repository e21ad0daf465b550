package telemetry

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry makes a registry that has the metrics of the Go runtime and of the
// process, and faultwire_build_info with version and the commit it was built from.
func NewRegistry(version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "faultwire_build_info",
		Help:        "What is running: always 1, the labels say it.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision(), "goversion": runtime.Version()},
	})
	info.Set(1)
	// A fresh registry can't refuse three different collectors.
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
	)
	return registry
}

// Revision is the commit this program was built from, "unknown" outside a checkout,
// and whether the checkout had changes of its own.
func Revision() (commit string, modified bool) {
	commit = "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return commit, false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, modified
}

// revision is [Revision] as one label.
func revision() string {
	commit, modified := Revision()
	if modified {
		commit += "-dirty"
	}
	return commit
}
