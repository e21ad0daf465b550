package alias

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	tokens        = "LiteLLM_VerificationToken"
	deletedTokens = "LiteLLM_DeletedVerificationToken" // since LiteLLM 1.83

	// statementTimeout and lockTimeout bound what a look-up may cost LiteLLM, whose
	// migrations lock these tables.
	statementTimeout = 5 * time.Second
	lockTimeout      = time.Second
)

// source is what may be read.
type source struct {
	tables []string // as SQL names them, living keys first
	grant  string   // the statement that lets all be read; "" = they may
}

// errNothing: there is nothing that may be read.
var errNothing = errors.New("the tables of keys can't be read")

// find looks which of the tables are there and may be read. Any role may look.
func (n *Names) find(ctx context.Context, conn *pgx.Conn) (source, error) {
	const query = `SELECT c.relname::text, current_user::text, has_schema_privilege(s.oid, 'USAGE')
			AND has_column_privilege(c.oid, 'token', 'SELECT') AND has_column_privilege(c.oid, 'key_alias', 'SELECT')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'v')
			AND 2 = (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('token', 'key_alias') AND NOT a.attisdropped)
		ORDER BY c.relname DESC`
	rows, err := conn.Query(ctx, query, n.schema, []string{tokens, deletedTokens})
	if err != nil {
		return source{}, fmt.Errorf("look for the tables of keys: %w", err)
	}
	var (
		is            source
		table, role   string
		may           bool
		closed, grant []string
	)
	_, err = pgx.ForEachRow(rows, []any{&table, &role, &may}, func() error {
		table := pgx.Identifier{n.schema, table}.Sanitize()
		if may {
			is.tables = append(is.tables, table)
		} else {
			closed = append(closed, table)
		}
		return nil
	})
	if err != nil {
		return source{}, fmt.Errorf("look for the tables of keys: %w", err)
	}
	for _, table := range closed {
		grant = append(grant, fmt.Sprintf("GRANT SELECT (token, key_alias) ON %s TO %s;", table, postgres.Quote(role)))
	}
	if len(grant) > 0 {
		is.grant = fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; %s", postgres.Quote(n.schema), postgres.Quote(role), strings.Join(grant, " "))
	}
	n.tell(is)
	return is, nil
}

// tell logs what is missing, once.
func (n *Names) tell(is source) {
	n.mu.Lock()
	n.able = len(is.tables) > 0
	again := n.told == is.grant
	n.told = is.grant
	n.mu.Unlock()
	if !again && is.grant != "" {
		n.log.Info("the aliases of keys that LiteLLM left out of failed rows can't be looked up: run as a superuser or as the owner of the tables", "sql", is.grant)
	}
}

// read gives what a query finds in a table, in a transaction that can change nothing
// and leaves the connection usable.
func read(ctx context.Context, conn *pgx.Conn, query string, args []any, found func(h hash, alias string)) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		bounds := fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d", statementTimeout.Milliseconds(), lockTimeout.Milliseconds())
		if _, err := tx.Conn().PgConn().Exec(ctx, bounds).ReadAll(); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var token, alias string
		_, err = pgx.ForEachRow(rows, []any{&token, &alias}, func() error {
			if h, ok := parseHash(token); ok {
				found(h, strings.ToValidUTF8(alias, "\uFFFD"))
			}
			return nil
		})
		return err
	})
}
