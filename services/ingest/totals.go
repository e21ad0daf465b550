package ingest

import (
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/totals"
)

// newTotals makes what counts the requests of every minute, nil when
// ingest.count_requests is false.
func newTotals(db *database, deps Deps) (*totals.Counter, error) {
	metrics, err := totals.NewMetrics(deps.Registerer)
	if err != nil || !db.cfg.Ingest.CountRequests {
		return nil, err
	}
	redactor, err := newRedactor(db.cfg.Ingest)
	if err != nil {
		return nil, err
	}
	return totals.New(totals.Config{
		Dialer: db.dialer, Schema: db.cfg.Postgres.Schema, Store: deps.Store, Metrics: metrics, Log: deps.Log,
		Name: spendlog.Options{Redactor: redactor}.Name,
	}), nil
}
