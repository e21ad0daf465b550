package checkup

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// Releases of PostgreSQL that faultwire is tried with.
const (
	oldestMajor = 14
	newestMajor = 18
)

// lookAtServer looks at what there must be: a server, of a release that we know,
// with LiteLLM's table.
func (x *checkup) lookAtServer(ctx context.Context) error {
	var err error
	if x.server, err = postgres.Inspect(ctx, x.conn); err != nil {
		x.dead = true
		return err
	}
	if err := x.findPlatform(ctx); err != nil {
		return err
	}
	if x.server.Major() < oldestMajor {
		x.dead = true
		x.add(doctor.Fail(namePostgres, "upgrade PostgreSQL", "PostgreSQL %s is too old: faultwire needs %d or later", x.server.Version, oldestMajor))
		return nil
	}
	if x.table, err = postgres.FindTable(ctx, x.conn, x.Schema, x.Rescued); err != nil {
		x.noStream, x.noPoll = true, true
		return err
	}
	x.hasTable = true
	size, err := x.size(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s as %s, table %s found (LiteLLM %s layout%s)", x.version(), x.Dialer.User(), x.tableName(), layout(x.table), size)
	switch {
	case x.server.Major() > newestMajor:
		x.add(doctor.Warn(namePostgres, fmt.Sprintf("look whether a newer faultwire knows PostgreSQL %d", x.server.Major()), "%s; this release is newer than any that faultwire was tried with", text))
	case x.server.Major() == oldestMajor:
		x.add(doctor.Warn(namePostgres, "upgrade PostgreSQL to 15 or later when you can", "%s; PostgreSQL 14 can't filter rows: it sends every request, which costs it several times as much", text))
	default:
		x.add(doctor.Fine(namePostgres, "%s", text))
	}
	return nil
}

// version is that of the server, with who runs it and how it was reached.
func (x *checkup) version() string {
	text := x.server.Version
	if where := x.platform.String(); where != "" {
		text += " on " + where
	}
	if route := x.Dialer.Route(); route != "" {
		text += ", reached " + route + ","
	}
	return text
}

// size is how large the table is, about: what the server remembers, and files.
func (x *checkup) size(ctx context.Context) (string, error) {
	const query = `WITH parts AS (SELECT $1::regclass AS id UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::regclass))
		SELECT coalesce(sum(c.reltuples) FILTER (WHERE c.reltuples > 0), 0)::bigint, coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint
		FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.id WHERE c.relkind = 'r'`
	var rows, bytes int64
	if err := x.conn.QueryRow(ctx, query, x.table.Name()).Scan(&rows, &bytes); err != nil {
		return "", fmt.Errorf("ask for the size of %s: %w", x.table.Name(), err)
	}
	if rows == 0 { // never analyzed, or empty
		return ", " + plain.Size(bytes), nil
	}
	return fmt.Sprintf(", %s rows, %s", plain.Rough(rows), plain.Size(bytes)), nil
}

// layout guesses LiteLLM's release by the columns it added.
func layout(t postgres.Table) string {
	switch {
	case t.Has("litellm_call_id"):
		return "1.106"
	case t.Has("request_duration_ms"):
		return "1.83"
	case t.Has("status"):
		return "1.80"
	}
	return "1.67"
}

// clockTolerance is how far the two clocks may be apart: windows are cut by the
// database's, files are named by it, alerts are compared with ours.
const clockTolerance = 5 * time.Second

func (x *checkup) lookAtClock(ctx context.Context) error {
	before := time.Now()
	theirs, err := postgres.ReadTime(ctx, x.conn)
	if err != nil {
		return err
	}
	took := time.Since(before)
	apart := theirs.Sub(before.Add(took / 2))
	if apart.Abs() <= clockTolerance+took/2 {
		x.add(doctor.Fine(nameClock, "the database's clock and this machine's agree"))
		return nil
	}
	which := "ahead of"
	if apart < 0 {
		which = "behind"
	}
	x.add(doctor.Warn(nameClock, "synchronise both with NTP (timedatectl set-ntp true); windows are cut by the database's clock",
		"the database's clock is %s %s this machine's", apart.Abs().Round(time.Second), which))
	return nil
}

func (x *checkup) lookAtTLS(ctx context.Context) error {
	var encrypted bool
	var version *string
	if err := x.conn.QueryRow(ctx, "SELECT ssl, version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()").Scan(&encrypted, &version); err != nil {
		return fmt.Errorf("ask whether the connection is encrypted: %w", err)
	}
	switch {
	case encrypted && version != nil:
		x.add(doctor.Fine(nameTLS, "the connection is encrypted (%s)", *version))
	case x.isLocal():
		x.add(doctor.Fine(nameTLS, "the connection is not encrypted, and stays on this machine"))
	case x.platform.kind == compose:
		x.add(doctor.Fine(nameTLS, "the connection is not encrypted, and stays on Docker's network"))
	default:
		var offered string
		if err := x.conn.QueryRow(ctx, "SELECT current_setting('ssl')").Scan(&offered); err != nil {
			return fmt.Errorf("ask whether the server offers TLS: %w", err)
		}
		fix := "set postgres.sslmode: require (FAULTWIRE_POSTGRES_SSLMODE), or verify-full with the server's CA in sslrootcert"
		if offered != "on" {
			fix = "turn it on at the server (ssl = on, with ssl_cert_file and ssl_key_file), then " + fix
		}
		x.add(doctor.Warn(nameTLS, fix, "the connection to %s is not encrypted: rows and password can be read on the way", x.Dialer.Address()))
	}
	return nil
}

// isLocal reports whether nothing leaves this machine.
func (x *checkup) isLocal() bool {
	if x.platform.kind == docker {
		return true
	}
	remote := x.conn.PgConn().Conn().RemoteAddr()
	tcp, ok := remote.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback() || strings.HasPrefix(x.Dialer.Address(), "localhost:")
}
