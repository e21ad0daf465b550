package ingest

import (
	"context"
	"errors"
	"log/slog"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/role"
)

// DefaultRole is the name of the role that [MakeRole] makes.
const DefaultRole = role.Default

// NewRole asks [MakeRole] for a role.
type NewRole struct {
	Name string
	// Rotate gives an existing role a new password; else it keeps its own.
	Rotate bool
	// Keep is given the role's settings when it is to get a password, before that
	// counts: its error leaves everything as it was. The password can't be read again
	// anywhere.
	Keep func(config.Postgres) error
}

// RoleReport says what [MakeRole] did.
type RoleReport struct {
	Made     bool // false: the role was there
	Password bool // it has a new one, the one that Keep was given
}

// MakeRole makes the role with the least rights that faultwire needs, connected as
// cfg says, which must be a superuser or the administrator of a managed service. It
// can be repeated.
func MakeRole(ctx context.Context, cfg Config, r NewRole) (RoleReport, error) {
	d, err := newDatabase(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return RoleReport{}, err
	}
	v, err := d.open(ctx)
	if err != nil {
		return RoleReport{}, err
	}
	defer v.close(ctx)
	planned, err := role.Of(ctx, v.conn, v.table, r.Name)
	if err != nil {
		return RoleReport{}, err
	}
	password := role.NewPassword()
	made, set, err := planned.Make(ctx, v.conn, role.Wanted{
		Password: password, Rotate: r.Rotate,
		Keep: func() error { return r.Keep(cfg.Postgres.As(r.Name, password, v.conn.Config().Database)) },
	})
	return RoleReport{Made: made, Password: set}, err
}

// MayNotReplicate reports whether err of [Setup] is that the role may not replicate,
// as the administrator of a managed service often may not: then the role that
// [MakeRole] made can make the slot.
func MayNotReplicate(err error) bool {
	fault, ok := errors.AsType[*postgres.SettingsError](err)
	return ok && fault.Setting == "postgres.user"
}

// RoleSQL returns the statements that MakeRole would run, in their order, for psql;
// the role has no password then. Errors and what they leave are those of [SetupSQL].
func RoleSQL(ctx context.Context, cfg Config, name string) (statements []string, err error) {
	d, err := newDatabase(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	planned := role.General(cfg.Postgres.Schema, d.dialer.Database(), name)
	exists := false
	v, err := d.open(ctx)
	if err == nil {
		defer v.close(ctx)
		if planned, err = role.Of(ctx, v.conn, v.table, name); err != nil {
			return nil, err
		}
		state, err := planned.Look(ctx, v.conn)
		if err != nil {
			return nil, err
		}
		exists = state.Exists
	}
	if !exists {
		statements = append(statements, planned.CreateSQL())
	}
	return append(statements, planned.GrantSQL()...), err
}
