package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Server is what about the server decides how it is followed.
type Server struct {
	Number      int    // server_version_num: 150004
	Version     string // for people: "15.4"
	WALLevel    string // "logical" can be followed
	SegmentSize uint64 // wal_segment_size in bytes
	Encoding    string // see [Encoding]
	Standby     bool   // in recovery: it can only be read
	KeepSize    int64  // max_slot_wal_keep_size in bytes, -1 = without bound
	Synchronous string // synchronous_standby_names
}

// Major is the major version, 15.
func (s Server) Major() int { return s.Number / 10_000 }

// Inspect asks the server. Any role may.
func Inspect(ctx context.Context, conn *pgx.Conn) (Server, error) {
	s := Server{Encoding: Encoding(conn.PgConn())}
	const query = `SELECT current_setting('server_version_num')::int, split_part(current_setting('server_version'), ' ', 1),
		current_setting('wal_level'), (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'), pg_is_in_recovery(),
		(SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint << 20 END FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'),
		current_setting('synchronous_standby_names')`
	if err := conn.QueryRow(ctx, query).Scan(&s.Number, &s.Version, &s.WALLevel, &s.SegmentSize, &s.Standby, &s.KeepSize, &s.Synchronous); err != nil {
		return Server{}, fmt.Errorf("ask the server for its version and wal_level: %w", err)
	}
	return s, nil
}

// Followable returns a [SettingsError] unless the server can be followed, and without
// harm.
func (s Server) Followable() error {
	if err := s.RequireLogical(); err != nil {
		return err
	}
	return s.RequireAsynchronous()
}

// RequireLogical returns a [SettingsError] unless the server writes what a logical
// slot needs.
func (s Server) RequireLogical() error {
	if s.WALLevel == "logical" {
		return nil
	}
	return &SettingsError{
		Setting: "wal_level",
		Problem: fmt.Sprintf("the database has wal_level = %s, and following it needs logical", s.WALLevel),
		Remedy: "Run as a superuser: ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL " +
			"(Docker: command: [\"postgres\", \"-c\", \"wal_level=logical\"]; RDS: rds.logical_replication = 1; Cloud SQL: cloudsql.logical_decoding = on)",
	}
}

// RequireAsynchronous returns a [SettingsError] for a server that takes any of its
// followers for a synchronous standby: each commit of LiteLLM would wait until we
// have stored it.
func (s Server) RequireAsynchronous() error {
	if !strings.Contains(s.Synchronous, "*") && !strings.Contains(strings.ToLower(s.Synchronous), applicationName) {
		return nil
	}
	return &SettingsError{
		Setting: "synchronous_standby_names",
		Problem: fmt.Sprintf("with %q LiteLLM's commits would wait for faultwire as for a standby", s.Synchronous),
		Remedy:  "Run as a superuser: ALTER SYSTEM SET synchronous_standby_names = 'the names of your standbys'; SELECT pg_reload_conf();",
	}
}
