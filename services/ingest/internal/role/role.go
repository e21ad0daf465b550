// Package role makes and removes the database role that faultwire should have: it
// reads LiteLLM's table and the names of keys, it replicates, and can't do more.
package role

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// Default is the name of the role.
	Default = "faultwire"
	// Connections is the CONNECTION LIMIT: one to watch, one to replicate, one to read
	// history or a gap, one for look-ups, one to count; a standby or the successor
	// while the old one ends has two, and `faultwire replay` and `check` two each.
	Connections = 12

	// rdsReplication takes the place of the attribute REPLICATION on RDS and Aurora,
	// where nobody may give it.
	rdsReplication = "rds_replication"
	neonSuperuser  = "neon_superuser"
)

// tokenTables hold the names of keys, which failed rows often lack; the second since
// LiteLLM 1.83.
func tokenTables() []string {
	return []string{"LiteLLM_VerificationToken", "LiteLLM_DeletedVerificationToken"}
}

// aliasColumns are what a look-up reads.
const aliasColumns = "token, key_alias"

// Role is the role as it should be, in one database.
type Role struct {
	Name     string
	Database string
	Table    postgres.Table
	Tokens   []string // of tokenTables, those that there are
	RDS      bool     // replication is by membership
	Neon     bool     // passwords have to be given in clear
}

// Of plans the role for a database.
func Of(ctx context.Context, conn *pgx.Conn, table postgres.Table, name string) (Role, error) {
	r := Role{Name: name, Database: conn.Config().Database, Table: table}
	const query = `SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2),
		array(SELECT relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $3 AND relname = ANY ($4) AND relkind IN ('r', 'p') ORDER BY relname DESC)`
	if err := conn.QueryRow(ctx, query, rdsReplication, neonSuperuser, table.Schema, tokenTables()).Scan(&r.RDS, &r.Neon, &r.Tokens); err != nil {
		return Role{}, fmt.Errorf("plan role %q: %w", name, err)
	}
	return r, nil
}

// General is the role for a database that can't be looked at.
func General(schema, database, name string) Role {
	return Role{Name: name, Database: database, Table: postgres.LatestTable(schema), Tokens: tokenTables()[:1]}
}

// CreateSQL makes the role, without a password: nobody can log in before it has one.
func (r Role) CreateSQL() string {
	return "CREATE ROLE " + postgres.Quote(r.Name) + r.attributes() + ";"
}

func (r Role) attributes() string {
	if r.RDS {
		return fmt.Sprintf(" LOGIN CONNECTION LIMIT %d", Connections)
	}
	return fmt.Sprintf(" LOGIN REPLICATION CONNECTION LIMIT %d", Connections)
}

// GrantSQL gives it what it needs; it can be repeated.
func (r Role) GrantSQL() []string {
	name := postgres.Quote(r.Name)
	var statements []string
	if r.RDS {
		statements = append(statements, fmt.Sprintf("GRANT %s TO %s;", rdsReplication, name))
	}
	statements = append(statements, fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s;", postgres.Quote(r.Database), name))
	statements = append(statements, readSQL(r.Table, name)...)
	for _, token := range r.Tokens {
		statements = append(statements, aliasSQL(r.Table.Schema, token, name))
	}
	return statements
}

func readSQL(table postgres.Table, role string) []string {
	return []string{
		fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", postgres.Quote(table.Schema), role),
		fmt.Sprintf("GRANT SELECT ON %s TO %s;", table.Name(), role),
	}
}

func aliasSQL(schema, table, role string) string {
	return fmt.Sprintf("GRANT SELECT (%s) ON %s TO %s;", aliasColumns, pgx.Identifier{schema, table}.Sanitize(), role)
}

// DropSQL removes it with all that was granted to it in this database. What it owns
// would go too: see [State.Owns].
func (r Role) DropSQL() []string {
	return []string{"DROP OWNED BY " + postgres.Quote(r.Name) + ";", "DROP ROLE " + postgres.Quote(r.Name) + ";"}
}

// Grants are statements that give the connected role what it lacks.
type Grants struct {
	Table   []string // to read LiteLLM's table
	Aliases []string // to look up the names of keys
}

// Missing looks what the connected role may not read.
func Missing(ctx context.Context, conn *pgx.Conn, table postgres.Table) (Grants, error) {
	var g Grants
	var usage, read bool
	var tokens []string
	const query = `SELECT has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),
		array(SELECT t.relname::text FROM pg_catalog.pg_class t WHERE t.relnamespace = n.oid AND t.relname = ANY ($3) AND t.relkind IN ('r', 'p')
			AND NOT (has_column_privilege(t.oid, 'token', 'SELECT') AND has_column_privilege(t.oid, 'key_alias', 'SELECT')) ORDER BY t.relname DESC)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`
	if err := conn.QueryRow(ctx, query, table.Schema, postgres.SpendLogs, tokenTables()).Scan(&usage, &read, &tokens); err != nil {
		return Grants{}, fmt.Errorf("ask what role %q may read: %w", conn.Config().User, err)
	}
	name := postgres.Quote(conn.Config().User)
	for i, may := range []bool{usage, read} {
		if !may {
			g.Table = append(g.Table, readSQL(table, name)[i])
		}
	}
	for _, token := range tokens {
		g.Aliases = append(g.Aliases, aliasSQL(table.Schema, token, name))
	}
	return g, nil
}

// stateDependent: what was granted to a role is still granted, by somebody else
// (dependent_objects_still_exist).
const stateDependent = "2BP01"

// may adds a remedy to an error of a statement that this role may not run.
func may(err error, who string, statements []string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != postgres.StateNoPrivilege && pg.Code != stateDependent {
		return err
	}
	problem := fmt.Sprintf("role %q may not do this", who)
	if pg.Detail != "" {
		problem += " (" + pg.Detail + ")"
	}
	return &postgres.SettingsError{
		Setting: "--admin-url",
		Problem: problem,
		Remedy:  "Give the URL of a superuser (on a managed service: of its administrator), or let one run: " + strings.Join(statements, " "),
		Cause:   err,
	}
}
