package checkup

import (
	"context"
	"fmt"
	"strings"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/role"
)

// rights are what this role may.
type rights struct {
	superuser   bool
	replication bool // by attribute, or as a member of RDS' role for it
	create      bool // on the database
	owner       bool // of the table
	connections int  // -1 = any number
}

// publish: it may make a publication for the table.
func (r rights) publish() bool { return r.superuser || r.owner && r.create }

func (x *checkup) readRights(ctx context.Context) error {
	const query = `SELECT rolsuper, rolconnlimit, has_database_privilege(current_database(), 'CREATE'),
		rolsuper OR rolreplication OR coalesce((SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = 'rds_replication'), false)
		FROM pg_catalog.pg_roles WHERE rolname = current_user`
	if err := x.conn.QueryRow(ctx, query).Scan(&x.rights.superuser, &x.rights.connections, &x.rights.create, &x.rights.replication); err != nil {
		return fmt.Errorf("ask what role %s may: %w", x.Dialer.User(), err)
	}
	if !x.hasTable {
		return nil
	}
	const owner = `SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`
	if err := x.conn.QueryRow(ctx, owner, x.table.Schema, postgres.SpendLogs).Scan(&x.rights.owner); err != nil {
		return fmt.Errorf("ask for the owner of %s: %w", x.table.Name(), err)
	}
	return nil
}

// lookAtRole looks whether the role may read the table, which history, replays and
// polling need, and whether it may more than it should.
func (x *checkup) lookAtRole(ctx context.Context) error {
	if !x.hasTable {
		return nil
	}
	grants, err := role.Missing(ctx, x.conn, x.table)
	if err != nil {
		return err
	}
	before, name := len(x.findings), x.Dialer.User()
	if len(grants.Table) > 0 {
		x.noPoll = true
		fix := "as the table's owner or a superuser: " + strings.Join(grants.Table, " ")
		if x.mode() == Streaming {
			x.add(doctor.Warn(nameRole, fix, "%s may not read %s: no report on what was before, no replay, nothing in the place of a lost slot", name, x.tableName()))
		} else {
			x.add(doctor.Fail(nameRole, fix, "%s may not read %s, which polling needs", name, x.tableName()))
		}
	}
	if len(grants.Aliases) > 0 {
		x.add(doctor.Warn(nameRole, "as the tables' owner or a superuser: "+strings.Join(grants.Aliases, " "),
			"%s may not look up key aliases: some failures will show the key's hash instead", name))
	}
	if n := x.rights.connections; n >= 0 && n < role.Connections {
		x.add(doctor.Warn(nameRole, fmt.Sprintf("as a superuser: ALTER ROLE %s CONNECTION LIMIT %d;", quote(name), role.Connections),
			"%s may have %d connections, and faultwire with a replay beside it takes up to %d", name, n, role.Connections))
	}
	if x.rights.superuser {
		x.add(doctor.Warn(nameRole, "`faultwire setup --admin-url URL` makes a role that may read what it must, and shows its URL",
			"%s is a superuser: faultwire needs no more than to read and to replicate", name))
	}
	if len(x.findings) == before {
		x.add(doctor.Fine(nameRole, "%s may read what faultwire needs", name))
	}
	return nil
}
