package demo

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/sample"
)

const databaseName = "litellm"

// database is the throwaway server and our connection to LiteLLM's tables in it.
type database struct {
	server *pgtemp.Server
	conn   *pgx.Conn
}

// startDatabase starts a server; tell gets a line for each step that takes a while.
func startDatabase(ctx context.Context, tell func(string)) (*database, error) {
	server, err := pgtemp.Start(ctx, pgtemp.Config{Log: tell})
	if err != nil {
		return nil, err
	}
	return &database{server: server}, nil
}

// fill makes LiteLLM's tables and keys.
func (d *database) fill(ctx context.Context) error {
	admin, err := pgx.Connect(ctx, d.server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the demo's PostgreSQL: %w", err)
	}
	_, err = admin.Exec(ctx, "CREATE DATABASE "+databaseName)
	_ = admin.Close(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("make the demo's database: %w", err)
	}
	if d.conn, err = pgx.Connect(ctx, d.url()); err != nil {
		return fmt.Errorf("connect to the demo's database: %w", err)
	}
	if _, err := d.conn.PgConn().Exec(ctx, sample.Schema()).ReadAll(); err != nil {
		return fmt.Errorf("make LiteLLM's tables: %w", err)
	}
	tokens, err := sample.Tokens()
	if err != nil {
		return err
	}
	return sample.InsertTokens(ctx, d.conn, tokens)
}

func (d *database) url() string { return d.server.URL(databaseName) }

// failed returns the ids of all failed requests, by SQL alone.
func (d *database) failed(ctx context.Context) (map[string]bool, error) {
	rows, err := d.conn.Query(ctx, `SELECT request_id FROM "LiteLLM_SpendLogs" WHERE status <> 'success' OR status IS NULL AND metadata ->> 'status' = 'failure'`)
	if err != nil {
		return nil, fmt.Errorf("count the failures in the demo's database: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("count the failures in the demo's database: %w", err)
	}
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, nil
}

// close ends the server and removes its files, also when ctx has ended.
func (d *database) close(ctx context.Context) error {
	if d.conn != nil {
		_ = d.conn.Close(context.WithoutCancel(ctx))
	}
	return d.server.Close()
}
