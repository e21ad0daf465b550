package config

import (
	"cmp"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Inside returns p with what is not set taken from the environment of its
// container: of PostgreSQL's images POSTGRES_USER, POSTGRES_PASSWORD and
// POSTGRES_DB, of LiteLLM's DATABASE_URL, with host and port as that container
// sees them. A password goes with its user: for another one it is not taken.
func (p Postgres) Inside(environ map[string]string) Postgres {
	own, _, _ := p.connection()
	in := imageConnection(environ)
	// PGDATA tells a server from a client that is given the same variables.
	if text := environ[databaseURL]; text != "" && environ["PGDATA"] == "" {
		if url, _, err := parsePostgresURL(text); err == nil {
			in = url
		}
	}
	if own.password == "" && (own.user == "" || own.user == in.user) {
		p.Password = Secret(in.password)
	}
	p.User = cmp.Or(own.user, in.user)
	p.Database = cmp.Or(own.database, in.database)
	if p.Host == "" && p.URL == "" && !strings.HasPrefix(in.host, "/") { // a socket is in there, where we are not
		p.Host = in.host
		p.SSLMode = cmp.Or(p.SSLMode, in.sslmode)
		if port, err := strconv.Atoi(in.port); err == nil && p.Port == 0 {
			p.Port = port
		}
	}
	return p
}

// imageConnection reads what the official image and those made from it are told,
// with the official image's defaults, or Bitnami's.
func imageConnection(environ map[string]string) (c connection) {
	first := func(names ...string) string {
		for _, name := range names {
			if value := environ[name]; value != "" {
				return value
			}
		}
		return ""
	}
	c.user = cmp.Or(first("POSTGRES_USER", "POSTGRESQL_USERNAME"), "postgres")
	c.password = first("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
	c.database = cmp.Or(first("POSTGRES_DB", "POSTGRES_DATABASE", "POSTGRESQL_DATABASE"), c.user)
	c.port = first("PGPORT")
	return c
}

// isContainer reports whether a text can be the name or the id of a container.
func isContainer(text string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`).MatchString(text)
}

// isItself reports whether a host, seen from inside a container, is that
// container.
func (p Postgres) isItself(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == p.Container || host == "localhost" || ip != nil && ip.IsLoopback()
}

// contained settles what a container, a URL and a host of different sources mean:
// the higher one is where the database is, and the lower one is not used. In one
// source they belong together, the host as seen from inside the container.
func (l *loader) contained() {
	own, set := l.entries["postgres.container"]
	p := &l.settings.Postgres
	if !set || p.Container == "" {
		return
	}
	var dropped []string
	drop := func(path string, clear func()) {
		clear()
		delete(l.entries, path)
		dropped = append(dropped, path)
	}
	if host, set := l.entries["postgres.host"]; set && p.Host != "" && host.Rank > own.Rank {
		drop("postgres.container", func() { p.Container = "" })
		l.warn("%s takes the place of %s", host.Origin, strings.Join(dropped, ", "))
		return
	}
	for _, lower := range []struct {
		path  string
		clear func()
	}{
		{"postgres.url", func() { p.URL = "" }},
		{"postgres.host", func() { p.Host = "" }},
		{"postgres.port", func() { p.Port = 0 }},
	} {
		if e, set := l.entries[lower.path]; set && e.Text != "" && e.Rank < own.Rank {
			if e.Rank == rankDatabaseURL {
				l.warn("%s takes the place of %s", own.Origin, e.Origin)
				lower.clear()
				delete(l.entries, lower.path)
				continue
			}
			drop(lower.path, lower.clear)
		}
	}
	if len(dropped) > 0 {
		l.warn("%s takes the place of %s", own.Origin, strings.Join(dropped, ", "))
	}
}
