// Package ingest is the only face to Postgres and to LiteLLM's columns: it follows
// LiteLLM's table through a replication slot and writes every failed row into the
// log, once, and answers requests for replays.
package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Config is the settings of ingest.
type Config struct {
	// Postgres is LiteLLM's database. Schema is that of its tables, default public.
	Postgres config.Postgres
	// Ingest names publication and slot, default faultwire both, and says what of a
	// row is kept.
	Ingest config.Ingest
}

// Default returns the defaults; the address of the database has none.
func Default() Config {
	d := config.Default()
	return Config{Postgres: d.Postgres, Ingest: d.Ingest}
}

// Validate returns all faults of the settings at once.
func (c Config) Validate() error {
	var faults []error
	if _, err := c.Postgres.ConnString(); err != nil {
		faults = append(faults, err)
	}
	for _, name := range []struct{ setting, value string }{
		{"postgres.schema", c.Postgres.Schema}, {"ingest.publication", c.Ingest.Publication}, {"ingest.slot", c.Ingest.Slot},
	} {
		if name.value == "" {
			faults = append(faults, fmt.Errorf("%s: %w", name.setting, errEmpty))
		}
	}
	return errors.Join(faults...)
}

// Deps is what ingest works with.
type Deps struct {
	Store topology.Store
	Log   *slog.Logger
	// Registerer takes the metrics: one service for each. nil = none are shown.
	Registerer prometheus.Registerer
	// Ready gets the check "ingest". nil = none.
	Ready *telemetry.Readiness
	// Patience is how long a start tries to reach the database; once it was reached,
	// it is tried for ever. 0 = 30 s.
	Patience time.Duration
}
