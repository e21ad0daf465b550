package config

import (
	"cmp"
	"net/url"
	"strings"
)

// As returns p with another role and its password, and with the database's name,
// which a container may have been asked for.
func (p Postgres) As(user string, password Secret, database string) Postgres {
	p.User, p.Password, p.PasswordFile, p.Database = user, password, "", cmp.Or(database, p.Database)
	return p
}

// Link returns the connection as one URL, in a form that [Load], psql and Prisma
// read. With a container the host is as seen from inside it, localhost for itself.
func (p Postgres) Link() URL {
	c, _, _ := p.connection()
	if p.Container != "" && p.isItself(c.host) {
		c.host = "localhost"
	}
	query := url.Values{}
	for key, value := range c.params {
		query.Set(key, value)
	}
	if c.sslmode != "" {
		query.Set("sslmode", c.sslmode)
	}
	if p.Schema != "" && p.Schema != Default().Postgres.Schema {
		query.Set("schema", p.Schema)
	}
	text := "postgres://" + escape(c.user)
	if c.password != "" {
		text += ":" + escape(c.password)
	}
	text += "@" + hosts(c) + "/" + escape(c.database)
	if len(query) > 0 {
		text += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	return URL(text)
}

// hosts writes host:port, several with commas.
func hosts(c connection) string {
	ports := strings.Split(c.port, ",")
	var all []string
	for i, host := range strings.Split(c.host, ",") {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		} else {
			host = escape(host)
		}
		port := ports[min(i, len(ports)-1)]
		if port != "" {
			host += ":" + port
		}
		all = append(all, host)
	}
	return strings.Join(all, ",")
}

// escape percent-encodes all that could mean something in any part of a URL.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
