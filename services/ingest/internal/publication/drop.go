package publication

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// DropSQL removes it. Its owner may, or a superuser.
func (p Publication) DropSQL() string { return "DROP PUBLICATION " + postgres.Quote(p.Name) + ";" }

// Ours reports whether it exists. One that publishes more than a table is somebody
// else's, and a [postgres.SettingsError].
func (p Publication) Ours(ctx context.Context, conn *pgx.Conn) (exists bool, err error) {
	var is published
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		is, err = p.read(ctx, tx)
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at publication %q: %w", p.Name, err)
	case is.allTables || len(is.tables) > 1:
		return true, &postgres.SettingsError{
			Setting: "ingest.publication",
			Problem: fmt.Sprintf("publication %q publishes more than one table, so it is none of faultwire's", p.Name),
			Remedy:  "Set ingest.publication (FAULTWIRE_INGEST_PUBLICATION) to the name of faultwire's",
		}
	}
	return true, nil
}

// Drop removes it; one that isn't there is no error. A role that may not gets a
// [postgres.SettingsError] with the statement for who may.
func (p Publication) Drop(ctx context.Context, conn *pgx.Conn) (dropped bool, err error) {
	exists, err := p.Ours(ctx, conn)
	if err != nil || !exists {
		return false, err
	}
	_, err = conn.Exec(ctx, p.DropSQL())
	switch postgres.State(err) {
	case postgres.StateUndefined: // somebody was faster
		return false, nil
	case postgres.StateNoPrivilege:
		return false, &postgres.SettingsError{
			Setting: "ingest.publication",
			Problem: fmt.Sprintf("role %q may not remove publication %q", conn.Config().User, p.Name),
			Remedy:  "Give the URL of a superuser with --admin-url, or let its owner run: " + p.DropSQL(),
			Cause:   err,
		}
	}
	if err != nil {
		return false, fmt.Errorf("remove publication %q: %w", p.Name, err)
	}
	return true, nil
}
