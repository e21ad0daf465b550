package ingest

import (
	"context"
	"errors"
	"log/slog"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

// Report says what [Setup] found and made.
type Report struct {
	Server          string // version, "15.4"
	Target          string // user@host/database, without the password
	Route           string // into the container, "through docker exec"; empty without one
	Table           string // quoted and qualified
	Mode            string // how failures are read: config.ModeStream or config.ModePoll
	Missing         string // of [Prepare]: what streaming would need, with the remedy; empty when it isn't wanted
	Publication     string
	PublicationMade bool // false: it was there, and is as it must be
	Slot            string
	SlotMade        bool
	// Warnings are sentences about what works, but not well.
	Warnings []string
}

// Setup makes publication and slot where they are missing, checks those that are
// there, makes a slot anew that can't be followed any more, and changes nothing else. It can be repeated. Faults that no retry mends
// satisfy [IsSettings] and name the statement that mends them; a database that
// can't be reached is tried for 30 s.
func Setup(ctx context.Context, cfg Config, log *slog.Logger) (Report, error) {
	d, err := newDatabase(cfg, log)
	if err != nil {
		return Report{}, err
	}
	return d.setup(ctx)
}

func (d *database) setup(ctx context.Context) (Report, error) {
	var report Report
	var publicationMade bool
	err := d.persist(ctx, defaultPatience, func() error {
		v, err := d.open(ctx)
		if err != nil {
			return err
		}
		defer v.close(ctx)
		m, err := d.ensure(ctx, v, false)
		publicationMade = publicationMade || m.publication
		if err != nil {
			return err
		}
		report = d.report(v, m)
		report.PublicationMade = publicationMade
		return nil
	})
	return report, err
}

// Check connects and looks for LiteLLM's table, which is all that a replay needs,
// and changes nothing. Faults are those of [Setup].
func Check(ctx context.Context, cfg Config, log *slog.Logger) error {
	d, err := newDatabase(cfg, log)
	if err != nil {
		return err
	}
	return d.persist(ctx, defaultPatience, func() error {
		v, err := d.open(ctx)
		if err == nil {
			v.close(ctx)
		}
		return err
	})
}

func (d *database) report(v *visit, m made) Report {
	r := Report{
		Server: v.server.Version, Target: d.dialer.Target(), Route: d.dialer.Route(), Table: v.table.Name(),
		Mode: config.ModeStream, Publication: d.cfg.Ingest.Publication, PublicationMade: m.publication,
		Slot: d.cfg.Ingest.Slot, SlotMade: m.slot,
	}
	if m.unfiltered {
		r.Warnings = append(r.Warnings, "The publication sends successful requests too, which costs the database four times as much: "+v.publication.Repair())
	}
	return r
}

// SetupSQL returns the statements that Setup would run on an empty database, in
// their order, for psql. They are those for the server's version and the table's
// columns; when the server can't be reached, for PostgreSQL 15 and later with
// LiteLLM 1.68 and later, and then err says why.
func SetupSQL(ctx context.Context, cfg Config) (statements []string, err error) {
	d, err := newDatabase(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	p := publication.Publication{Name: cfg.Ingest.Publication, Table: postgres.LatestTable(cfg.Postgres.Schema), Major: 15}
	p.Table.Rescued = cfg.Ingest.IncludeRescued
	v, err := d.open(ctx)
	if err == nil {
		defer v.close(ctx)
		p = v.publication
		if fault, ok := errors.AsType[*postgres.SettingsError](v.server.RequireAsynchronous()); ok {
			statements = append(statements, "-- "+fault.Problem+".\n-- "+fault.Remedy)
		}
		if fault, ok := errors.AsType[*postgres.SettingsError](v.server.RequireLogical()); ok {
			statements = append(statements, "-- "+fault.Problem+": run this, restart PostgreSQL, then the rest.\nALTER SYSTEM SET wal_level = logical;")
		}
	}
	statements = append(statements, p.CreateSQL(), slot.CreateSQL(cfg.Ingest.Slot, p.Major))
	return statements, err
}
