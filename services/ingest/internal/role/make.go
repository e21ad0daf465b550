package role

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// State is what there is of the role.
type State struct {
	Exists      bool
	Superuser   bool
	Self        bool // it is the role that is connected
	Login       bool
	Replication bool // by attribute or by membership
	Owns        int  // objects in all databases of the server
	Master      bool // whoever looks is a superuser
}

// Look reads it; any role may.
func (r Role) Look(ctx context.Context, conn *pgx.Conn) (State, error) {
	var s State
	const query = `SELECT rolsuper, rolname = current_user, rolcanlogin,
		rolreplication OR coalesce((SELECT pg_has_role(r.oid, g.oid, 'MEMBER') FROM pg_catalog.pg_roles g WHERE g.rolname = $2), false),
		(SELECT count(*) FROM pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o'),
		(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
		FROM pg_catalog.pg_roles r WHERE rolname = $1`
	err := conn.QueryRow(ctx, query, r.Name, rdsReplication).Scan(&s.Superuser, &s.Self, &s.Login, &s.Replication, &s.Owns, &s.Master)
	if errors.Is(err, pgx.ErrNoRows) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("look for role %q: %w", r.Name, err)
	}
	s.Exists = true
	return s, nil
}

// Foreign returns an error for a role that faultwire didn't make: giving LiteLLM's
// own role a new password, or removing it with all that it owns, would be the end
// of LiteLLM.
func (s State) Foreign(name string) error {
	why := ""
	switch {
	case s.Superuser:
		why = "is a superuser"
	case s.Self:
		why = "is the one that is connected"
	case s.Owns > 0:
		why = fmt.Sprintf("owns %d objects of the database server", s.Owns)
	default:
		return nil
	}
	return &postgres.SettingsError{
		Setting: "--role",
		Problem: fmt.Sprintf("role %q %s, which no role of faultwire's does", name, why),
		Remedy:  "Choose another name with --role",
	}
}

// Wanted says what password the role gets.
type Wanted struct {
	Password config.Secret
	Rotate   bool         // an existing role gets it too; else it keeps its own
	Keep     func() error // called just before the password counts; its error undoes all
}

// Make makes the role, or mends an existing one, and grants what it needs: all of it
// or nothing. made tells that
// there was none, set that the password is the role's now.
func (r Role) Make(ctx context.Context, conn *pgx.Conn, w Wanted) (made, set bool, err error) {
	s, err := r.Look(ctx, conn)
	if err != nil {
		return false, false, err
	}
	if err := s.Foreign(r.Name); err != nil {
		return false, false, err
	}
	statements := []string{}
	switch {
	case !s.Exists:
		statements = append(statements, r.CreateSQL())
	case !s.Login || !s.Replication && !r.RDS:
		statements = append(statements, "ALTER ROLE "+postgres.Quote(r.Name)+r.attributes()+";")
	}
	set = !s.Exists || w.Rotate
	statements = append(statements, r.GrantSQL()...)
	var kept error
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for i, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
			if i == 0 && set { // from here on there is a role
				if err := r.setPassword(ctx, tx, w.Password); err != nil {
					return err
				}
			}
		}
		if set {
			kept = w.Keep()
		}
		return kept
	})
	if kept != nil {
		return false, false, kept
	}
	if err != nil {
		return false, false, fmt.Errorf("make role %q: %w", r.Name, may(err, conn.Config().User, statements))
	}
	return !s.Exists, set, nil
}

// setPassword gives the server what it compares passwords with, and not the password
// itself, which would then stand in its log where statements are logged.
func (r Role) setPassword(ctx context.Context, tx pgx.Tx, password config.Secret) error {
	secret := password.Reveal()
	if !r.Neon { // Neon refuses: its proxy needs the password
		verifier, err := verifier(secret)
		if err != nil {
			return err
		}
		secret = verifier
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD %s", postgres.Quote(r.Name), strings.TrimSpace(postgres.Literal(secret))))
	return err
}

// Drop removes the role; one that isn't there is no error. Whoever is connected as
// it stays connected.
func (r Role) Drop(ctx context.Context, conn *pgx.Conn) (dropped bool, err error) {
	s, err := r.Look(ctx, conn)
	if err != nil || !s.Exists {
		return false, err
	}
	if err := s.Foreign(r.Name); err != nil {
		return false, err
	}
	statements := r.DropSQL()
	if !s.Master { // else only who is a member of a role may drop what was granted to it
		statements = append([]string{"GRANT " + postgres.Quote(r.Name) + " TO CURRENT_USER;"}, statements...)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("remove role %q: %w", r.Name, may(err, conn.Config().User, r.DropSQL()))
	}
	return true, nil
}
