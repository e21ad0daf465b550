package postgres

import (
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/container"
)

// SQLSTATEs that decide what is done ("PostgreSQL Error Codes" in the manual).
// Texts differ by version and language, so they decide nothing.
const (
	StateInvalidPassword = "28P01"
	StateInvalidAuth     = "28000" // also: no line in pg_hba.conf
	StateNoDatabase      = "3D000"
	StateNoPrivilege     = "42501"
	StateProtocol        = "08P01" // a pooler, which knows few startup parameters
	StateNotSupported    = "0A000" // of a slot: on a standby before PostgreSQL 16
	StateTooManyConns    = "53300" // connections, or max_wal_senders on a replication connection
	StateLimitExceeded   = "53400" // max_replication_slots
	StateInUse           = "55006" // the slot has a follower
	StateNotInState      = "55000" // five things: look at the slot and at wal_level
	StateUndefined       = "42704" // no such slot, no such publication
	StateDuplicate       = "42710" // the slot or the publication exists
	StateLockTimeout     = "55P03"
	StateQueryCanceled   = "57014" // also: statement_timeout
)

// SettingsError is a fault that no retry mends: a setting of ours, or of the
// database, has to be changed.
type SettingsError struct {
	Setting string // ours, "postgres.url", or what of the database
	Problem string
	Remedy  string
	Cause   error // may be nil
}

func (e *SettingsError) Error() string {
	text := e.Setting + ": " + e.Problem
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + ". " + e.Remedy
}

func (e *SettingsError) Unwrap() error { return e.Cause }

// IsSettings reports whether err holds a [SettingsError].
func IsSettings(err error) bool {
	var fault *SettingsError
	return errors.As(err, &fault)
}

// UnreachableError is a connection that could not be made now, but may be later.
type UnreachableError struct {
	Setting string // that says where it is: postgres.url, postgres.container
	Address string
	Cause   error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: no connection to %s: %v", e.Setting, e.Address, e.Cause)
}

func (e *UnreachableError) Unwrap() error { return e.Cause }

// State returns the SQLSTATE in err, "" when there is none.
func State(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// refused says what an error of connecting means. The password is in none of
// pgx's errors.
func (d *Dialer) refused(err error) error {
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return faults
	}
	if fault, ok := errors.AsType[*container.Error](err); ok {
		if fault.Permanent {
			return &SettingsError{Setting: "postgres.container", Problem: fault.Problem, Remedy: fault.Remedy}
		}
		return fault
	}
	if IsSettings(err) {
		return err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if fault := d.encryption(err); fault != nil {
			return fault
		}
		return d.unreachable(err)
	}
	switch pg.Code {
	case StateInvalidPassword, StateInvalidAuth:
		return d.notLetIn(err, pg)
	case StateNoDatabase:
		return &SettingsError{
			Setting: "postgres.database",
			Problem: fmt.Sprintf("%s has no database %q", d.Address(), d.Database()),
			Remedy:  "Set postgres.database (FAULTWIRE_POSTGRES_DATABASE) to LiteLLM's, the last part of its DATABASE_URL",
		}
	case StateProtocol:
		return &SettingsError{
			Setting: "postgres.url",
			Problem: fmt.Sprintf("%s is a pooler (pgbouncer?) that does not take our connections: %s", d.Address(), pg.Message),
			Remedy:  "Set postgres.url (FAULTWIRE_POSTGRES_URL) to the address of PostgreSQL itself, often port 5432 instead of 6432 or 6543, or a host without -pooler",
		}
	case StateNoPrivilege:
		return &SettingsError{
			Setting: "postgres.user",
			Problem: fmt.Sprintf("role %q may not connect to database %q: %s", d.User(), d.Database(), pg.Message),
			Remedy:  fmt.Sprintf("Run as a superuser: GRANT CONNECT ON DATABASE %s TO %s;", Quote(d.Database()), Quote(d.User())),
		}
	}
	return d.unreachable(pg)
}

// notLetIn says what would let us in.
func (d *Dialer) notLetIn(err error, pg *pgconn.PgError) error {
	fault := &SettingsError{
		Setting: d.where(),
		Problem: fmt.Sprintf("%s does not let user %q in: %s", d.Address(), d.User(), pg.Message),
		Remedy:  "Set postgres.user and postgres.password (FAULTWIRE_POSTGRES_USER, FAULTWIRE_POSTGRES_PASSWORD), or allow this host in pg_hba.conf",
	}
	if d.container != nil {
		fault.Remedy = "Set postgres.user and postgres.password (FAULTWIRE_POSTGRES_USER, FAULTWIRE_POSTGRES_PASSWORD): those of the container's environment count only when its database is made"
	}
	if pg.Code == StateInvalidAuth {
		d.orCertificate(err, pg, fault)
	}
	return fault
}

// where is the setting that says where the database is.
func (d *Dialer) where() string {
	if d.container != nil {
		return "postgres.container"
	}
	return "postgres.url"
}

// refusedReplication is refused for a replication connection, which asks for
// more.
func (d *Dialer) refusedReplication(err error) error {
	switch State(err) {
	case StateNoPrivilege:
		return d.noReplication()
	case StateTooManyConns:
		return &SettingsError{
			Setting: "max_wal_senders",
			Problem: d.Address() + " has no free place for a replication connection",
			Remedy:  "Run as a superuser: ALTER SYSTEM SET max_wal_senders = 20; then restart PostgreSQL (its default is 10), or raise the CONNECTION LIMIT of role " + Quote(d.User()),
			Cause:   pgError(err),
		}
	}
	return d.refused(err)
}

// noReplication says that the role may not replicate.
func (d *Dialer) noReplication() error {
	return &SettingsError{
		Setting: "postgres.user",
		Problem: fmt.Sprintf("role %q may not replicate", d.User()),
		Remedy:  fmt.Sprintf("Run as a superuser: ALTER ROLE %[1]s REPLICATION; (on RDS and Aurora: GRANT rds_replication TO %[1]s;)", Quote(d.User())),
	}
}

// Replicable says what an error of a replication command means where SQLSTATE
// alone tells; others are returned as they are.
func (d *Dialer) Replicable(err error) error {
	switch State(err) {
	case StateNoPrivilege:
		return d.noReplication()
	case StateNotSupported:
		return &SettingsError{
			Setting: "postgres.url",
			Problem: d.Address() + " is a standby that can't decode its log, which takes PostgreSQL 16",
			Remedy:  "Set postgres.url (FAULTWIRE_POSTGRES_URL) to the address of its primary",
			Cause:   pgError(err),
		}
	case StateLimitExceeded:
		return &SettingsError{
			Setting: "max_replication_slots",
			Problem: d.Address() + " has no free replication slot",
			Remedy:  "Drop one that nobody uses (SELECT slot_name, active FROM pg_replication_slots; SELECT pg_drop_replication_slot('…');), or run as a superuser: ALTER SYSTEM SET max_replication_slots = 20; then restart PostgreSQL (its default is 10)",
			Cause:   pgError(err),
		}
	}
	return err
}

func (d *Dialer) unreachable(err error) error {
	// pgconn's text repeats user and database and lists each address; its
	// causes say it in fewer words.
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok && connect.Unwrap() != nil {
		err = connect.Unwrap()
	}
	// Each address is tried with TLS and without: the first cause says it all.
	if tries, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok && len(tries.Unwrap()) > 0 {
		err = tries.Unwrap()[0]
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return &UnreachableError{Setting: d.where(), Address: d.Address(), Cause: err}
}

// pgError cuts err down to what the server said.
func pgError(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg
	}
	return err
}
