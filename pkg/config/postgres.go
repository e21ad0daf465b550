package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = "5432"

// ConnString returns what pgx connects with: keyword='value' pairs, so that no
// character of a password means anything. Parts override those of the URL. It
// names no runtime parameters save application_name and options of the URL. With
// a container, host and port are as seen from inside it, the container's name
// standing for itself; complete p with [Postgres.Inside] first.
func (p Postgres) ConnString() (string, error) {
	c, _, faults := p.connection()
	if p.Container == "" {
		faults = append(faults, c.missing()...)
	}
	if err := faults.err(); err != nil {
		return "", err
	}
	pairs := []string{
		"host", c.host, "port", cmp.Or(c.port, defaultPort), "user", c.user, "password", c.password,
		"database", c.database, "sslmode", c.sslmode,
	}
	for _, key := range slices.Sorted(maps.Keys(c.params)) {
		pairs = append(pairs, key, c.params[key])
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" { // empty: pgx's own default, or the environment's
			fmt.Fprintf(&b, " %s='%s'", pairs[i], escape.Replace(pairs[i+1]))
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// Target says where the database is, for people: user@host:port/database. It
// holds no password. What isn't known before a container was asked is left out.
func (p Postgres) Target() string {
	c, _, _ := p.connection()
	text := c.host
	if c.port != "" && c.port != defaultPort && !strings.Contains(text, ",") {
		text += ":" + c.port
	}
	if c.user != "" || p.Container == "" {
		text = c.user + "@" + text
	}
	if c.database != "" || p.Container == "" {
		text += "/" + c.database
	}
	return text
}

// connection is a Postgres connection taken apart.
type connection struct {
	host, port     string // several with commas, in the same order
	user, password string
	database       string
	sslmode        string
	schema         string
	params         map[string]string // others that pgx takes
}

// connection merges URL and parts; the notes are about parameters of the URL that
// are not used.
func (p Postgres) connection() (c connection, notes []string, faults Faults) {
	if p.URL != "" {
		var err error
		if c, notes, err = parsePostgresURL(p.URL.Reveal()); err != nil {
			faults = append(faults, Fault{Path: "postgres.url", Message: err.Error(), Err: err})
		}
	}
	c.host = cmp.Or(p.Host, c.host)
	c.user = cmp.Or(p.User, c.user)
	c.password = cmp.Or(p.Password.Reveal(), c.password)
	c.database = cmp.Or(p.Database, c.database)
	if p.Port != 0 {
		c.port = strconv.Itoa(p.Port)
	}
	if p.Container != "" {
		c.host = cmp.Or(c.host, p.Container)
	}
	p.encryption(&c)
	return c, notes, faults
}

// encryption merges the settings of TLS. A file of authorities is there to check
// against, and nobody reads along on the way into a container.
func (p Postgres) encryption(c *connection) {
	c.sslmode = cmp.Or(p.SSLMode, c.sslmode)
	if c.params == nil {
		c.params = map[string]string{}
	}
	files := map[string]string{"sslrootcert": p.SSLRootCert, "sslcert": p.SSLCert, "sslkey": p.SSLKey}
	for key, own := range files {
		if own != "" {
			c.params[key] = own
		}
	}
	switch {
	case c.sslmode != "":
	case p.SSLRootCert != "":
		c.sslmode = "verify-full"
	case p.Container != "" && p.isItself(c.host):
		c.sslmode = "disable"
	}
	if c.sslmode == "disable" {
		for key := range files {
			delete(c.params, key)
		}
	}
}

// missing names what can't be connected without. The user and the database are
// asked for because their defaults, the name of the operating system's account,
// are never LiteLLM's.
func (c connection) missing() Faults {
	if c.host == "" && c.user == "" && c.database == "" {
		return Faults{{Path: "postgres.url", Message: "empty: set it to postgres://user:password@host:5432/database " +
			"(or FAULTWIRE_POSTGRES_URL, DATABASE_URL, --postgres-url), or set postgres.host, postgres.user, postgres.database, " +
			"or postgres.container (--container) to the name of its Docker container"}}
	}
	var faults Faults
	for _, part := range []struct{ key, value, example string }{
		{"host", c.host, "localhost"}, {"user", c.user, "faultwire"}, {"database", c.database, "litellm"},
	} {
		if part.value == "" {
			f := field{path: "postgres." + part.key}
			faults = append(faults, Fault{
				Path:    f.path,
				Message: fmt.Sprintf("empty, and no postgres.url names it: set it (%s), such as %s", f.env(), part.example),
			})
		}
	}
	return faults
}

// whole settles what comes from the URL and what from the parts. A URL takes the
// place of all parts of a lower source: half of one connection and half of
// another would send a password to the wrong server. sslmode and schema stay,
// unless the URL has its own.
func (l *loader) whole() {
	url, hasURL := l.entries["postgres.url"]
	if !hasURL || l.settings.Postgres.URL == "" || l.bad["postgres.url"] {
		return
	}
	p := &l.settings.Postgres
	c, notes, faults := Postgres{URL: p.URL}.connection()
	if len(faults) > 0 {
		return // said by the validation
	}
	var dropped []string
	for _, part := range []struct {
		key    string
		inURL  string
		clear  func()
		always bool // a URL without it replaces it as well
	}{
		{"container", "", func() { p.Container = "" }, true},
		{"host", c.host, func() { p.Host = "" }, true},
		{"port", c.port, func() { p.Port = 0 }, true},
		{"user", c.user, func() { p.User = "" }, true},
		{"password", c.password, func() { p.Password = "" }, true},
		{"password_file", c.password, func() { p.PasswordFile = "" }, true},
		{"database", c.database, func() { p.Database = "" }, true},
		{"sslmode", c.sslmode, func() { p.SSLMode = "" }, false},
		{"sslrootcert", c.params["sslrootcert"], func() { p.SSLRootCert = "" }, false},
		{"sslcert", c.params["sslcert"], func() { p.SSLCert = "" }, false},
		{"sslkey", c.params["sslkey"], func() { p.SSLKey = "" }, false},
		{"schema", c.schema, func() { p.Schema = c.schema }, false},
	} {
		path := "postgres." + part.key
		own, set := l.entries[path]
		switch {
		case !set:
			if part.key == "schema" && c.schema != "" {
				p.Schema = c.schema
			}
		case own.Rank < url.Rank && (part.always || part.inURL != ""):
			part.clear()
			dropped = append(dropped, path)
			delete(l.entries, path)
		case own.Rank == url.Rank && part.inURL != "" && part.inURL != own.Text:
			l.fault(path, "set here and, differently, in postgres.url (%s): keep one", url.Origin)
		}
	}
	if len(dropped) > 0 {
		l.warn("%s takes the place of %s", url.Origin, strings.Join(dropped, ", "))
	}
	for _, note := range notes {
		l.warn("%s: %s", url.Origin, note)
	}
}
