package checkup

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// kind is who runs the server: what mends it is done in other places on each.
type kind int

const (
	ordinary kind = iota
	debian
	docker
	compose
	rds
	aurora
	cloudSQL
	azure
	supabase
	neon
)

// platform is where the server runs.
type platform struct {
	kind    kind
	unit    string // debian: 16-main
	name    string // docker: container; compose: service
	connect string // docker: psql's -U and -d; debian: its -p, if that is needed
}

// String is for the line of the server; empty when there is nothing to say.
func (p platform) String() string {
	switch p.kind {
	case ordinary, debian, docker, compose:
		return ""
	case rds:
		return "Amazon RDS"
	case aurora:
		return "Amazon Aurora"
	case cloudSQL:
		return "Google Cloud SQL"
	case azure:
		return "Azure"
	case supabase:
		return "Supabase"
	case neon:
		return "Neon"
	}
	return ""
}

const defaultPort = "5432"

// marks are the roles by which a managed service gives itself away, and the end of
// its host names.
func marks() []struct {
	kind       kind
	role, host string
} {
	return []struct {
		kind       kind
		role, host string
	}{
		{neon, "neon_superuser", ".neon.tech"},
		{supabase, "supabase_admin", ".supabase.co"},
		{supabase, "supabase_admin", ".supabase.com"},
		{rds, "rds_superuser", ".rds.amazonaws.com"},
		{cloudSQL, "cloudsqlsuperuser", ".sql.goog"},
		{azure, "azure_pg_admin", ".postgres.database.azure.com"},
	}
}

// debianCluster is the cluster_name that Debian's pg_createcluster sets.
func debianCluster(name string) (unit string, ok bool) {
	if !regexp.MustCompile(`^[0-9.]+/[A-Za-z0-9_.-]+$`).MatchString(name) {
		return "", false
	}
	return strings.Replace(name, "/", "-", 1), true
}

func (x *checkup) findPlatform(ctx context.Context) error {
	var roles, prefixes []string
	var cluster string
	var isAurora bool
	const query = `SELECT array(SELECT rolname::text FROM pg_catalog.pg_roles),
		array(SELECT DISTINCT split_part(name, '.', 1) FROM pg_catalog.pg_settings WHERE name LIKE '%.%'),
		current_setting('cluster_name'), EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'aurora_version')`
	if err := x.conn.QueryRow(ctx, query).Scan(&roles, &prefixes, &cluster, &isAurora); err != nil {
		return fmt.Errorf("find out where the server runs: %w", err)
	}
	host, port, err := net.SplitHostPort(x.Dialer.Address())
	if err != nil {
		return fmt.Errorf("find out where the server runs: %w", err)
	}
	x.platform = managed(host, roles, prefixes)
	switch {
	case x.platform.kind == rds && isAurora:
		x.platform.kind = aurora
	case x.platform.kind != ordinary:
	case x.Container != "":
		x.platform = platform{kind: docker, name: x.Container, connect: "-U " + x.Dialer.User() + " -d " + x.Dialer.Database()}
	case x.InContainer && isShort(host):
		x.platform = platform{kind: compose, name: host}
	default:
		if unit, ok := debianCluster(cluster); ok {
			x.platform = platform{kind: debian, unit: unit}
			if port != defaultPort {
				x.platform.connect = " -p " + port
			}
		}
	}
	return nil
}

// managed looks for the marks of the managed services: a role, settings, a host
// name.
func managed(host string, roles, prefixes []string) platform {
	for _, m := range marks() {
		if slices.Contains(roles, m.role) || strings.HasSuffix(host, m.host) {
			return platform{kind: m.kind}
		}
	}
	for prefix, kind := range map[string]kind{"rds": rds, "cloudsql": cloudSQL, "azure": azure, "neon": neon} {
		if slices.Contains(prefixes, prefix) {
			return platform{kind: kind}
		}
	}
	return platform{}
}

// isShort reports whether a name has no domain, as a service of Compose has none.
func isShort(host string) bool {
	return host != "localhost" && !strings.ContainsAny(host, ".:/") && host != ""
}

// directly is the way around a pooler.
const directly = "set postgres.url (FAULTWIRE_POSTGRES_URL) to PostgreSQL itself, not to a pooler such as pgbouncer (6432)"

// viaPooler tells by its name that an address is a pooler's.
func viaPooler(address string) (direct string, is bool) {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return "", false
	case strings.Contains(host, "-pooler."):
		return "set postgres.url (FAULTWIRE_POSTGRES_URL) to the direct host: " + strings.Replace(host, "-pooler.", ".", 1), true
	case strings.HasSuffix(host, ".pooler.supabase.com"), strings.HasSuffix(host, ".supabase.co") && port == "6543":
		return "set postgres.url (FAULTWIRE_POSTGRES_URL) to the direct connection, db.<project>.supabase.co:5432 (IPv6, or the IPv4 add-on)", true
	}
	return "", false
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
