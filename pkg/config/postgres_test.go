package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/config"
)

// parse connects nothing; it reads what pgx would read.
func parse(t rapid.TB, p config.Postgres) *pgconn.Config {
	t.Helper()
	text, err := p.ConnString()
	if err != nil {
		t.Fatalf("%v", err)
	}
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		t.Fatalf("pgx refuses it: %v", err)
	}
	return c
}

func TestPostgresURL(t *testing.T) {
	t.Parallel()
	type target struct {
		Host               string
		Port               uint16
		User, Password, DB string
		Fallbacks          int
		TLS                bool
	}
	for _, c := range []struct {
		url  string
		want target
	}{
		{"postgres://u:p@h/d", target{"h", 5432, "u", "p", "d", 1, true}},
		{"postgresql://llmproxy:dbpassword9090@db:5433/litellm?schema=public&connection_limit=10&pool_timeout=60", target{"db", 5433, "llmproxy", "dbpassword9090", "litellm", 1, true}},
		{"POSTGRES://u:p%40%2F%3A%23@h/d%20e?sslmode=disable", target{"h", 5432, "u", "p@/:#", "d e", 0, false}},
		{"postgres://u:p@ss@h/d?sslmode=disable", target{"h", 5432, "u", "p@ss", "d", 0, false}},
		{"  postgres://u:a:b@[::1]:5/d?sslmode=disable\n", target{"::1", 5, "u", "a:b", "d", 0, false}},
		{"postgres://u:p@localhost/d?host=/var/run/postgresql", target{"/var/run/postgresql", 5432, "u", "p", "d", 0, false}},
		{"postgres://u:p@%2Frun%2Fpg:6/d", target{"/run/pg", 6, "u", "p", "d", 0, false}},
		{"postgres:///d?host=h&user=u&password=p%26&sslmode=require", target{"h", 5432, "u", "p&", "d", 0, true}},
		{"postgres://u:p@a:1,b:2/d?sslmode=disable&target_session_attrs=primary", target{"a", 1, "u", "p", "d", 1, false}},
		{"postgres://u:p@a,b/d?sslmode=disable", target{"a", 5432, "u", "p", "d", 1, false}},
	} {
		got := parse(t, config.Postgres{URL: config.URL(c.url)})
		if diff := cmp.Diff(c.want, target{got.Host, got.Port, got.User, got.Password, got.Database, len(got.Fallbacks), got.TLSConfig != nil}); diff != "" {
			t.Errorf("%s: %s", c.url, diff)
		}
	}
}

func TestPostgresTLS(t *testing.T) {
	t.Parallel()
	for query, verifies := range map[string]bool{
		"sslmode=require":                                   false,
		"sslmode=require&sslaccept=strict":                  true,
		"sslmode=require&sslaccept=accept_invalid_certs":    false,
		"sslmode=require&sslcert=none.pem":                  false, // Prisma's: looked at only when strict
		"sslmode=verify-full":                               true,
		"sslaccept=strict&sslidentity=x.p12&sslpassword=pw": false, // sslmode is prefer
		"ssl=true": false,
	} {
		c := parse(t, config.Postgres{URL: config.URL("postgres://u:p@h/d?" + query)})
		if c.TLSConfig == nil || c.TLSConfig.InsecureSkipVerify == verifies {
			t.Errorf("%s: verifies the server's name: %v, want %v", query, !verifies, verifies)
		}
		if _, sent := c.RuntimeParams["schema"]; sent || len(c.RuntimeParams) > 0 {
			t.Errorf("%s: sends %v to the server", query, c.RuntimeParams)
		}
	}
	text, err := config.Postgres{URL: "postgres://u:p@h/d?sslmode=require&sslaccept=strict&sslcert=ca.pem"}.ConnString()
	if err != nil || !strings.Contains(text, "sslmode='verify-full' sslrootcert='ca.pem'") || strings.Contains(text, "sslcert=") {
		t.Errorf("Prisma's sslcert is the server's authority: %v, %s", err, text)
	}
}

// Any text, in parts or percent-encoded in a URL, reaches pgx unchanged.
func TestPostgresRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(
		rapid.StringN(1, 40, -1),
		rapid.StringMatching(`['"\\ =@:/?#%&+,;{}$\t\n]{1,12}`),
	).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
	rapid.Check(t, func(t *rapid.T) {
		user, password, database := text.Draw(t, "user"), text.Draw(t, "password"), text.Draw(t, "database")
		parts := config.Postgres{Host: "localhost", Port: 6543, User: user, Password: config.Secret(password), Database: database}
		escaped := config.Postgres{URL: config.URL(fmt.Sprintf("postgres://%s:%s@localhost:6543/%s", escape(user), escape(password), escape(database)))}
		mixed := config.Postgres{URL: config.URL("postgres://localhost:6543/" + escape(database)), User: user, Password: config.Secret(password)}
		for how, p := range map[string]config.Postgres{"parts": parts, "URL": escaped, "URL and parts": mixed} {
			c := parse(t, p)
			if c.User != user || c.Password != password || c.Database != database || c.Port != 6543 {
				t.Fatalf("%s: got %q %q %q", how, c.User, c.Password, c.Database)
			}
			if len(c.RuntimeParams) > 0 {
				t.Fatalf("%s: text became parameters: %v", how, c.RuntimeParams)
			}
		}
	})
}

// escape percent-encodes every byte.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func TestPostgresURLFaults(t *testing.T) {
	t.Parallel()
	const encode = "percent-encode special characters of user and password"
	for url, want := range map[string]string{
		"garbage-hunter2":                       "found no URL",
		"'postgres://u:hunter2@h/d'":            "has quotes around it: remove them",
		"mysql://u:hunter2@h/d":                 "found a mysql:// URL",
		"prisma+postgres://x/?api_key=hunter2":  "found a prisma+postgres:// URL",
		"hunter2://h/d":                         "found a URL of another kind",
		"postgres://u:hun#ter2@h/d":             encode,
		"postgres://u:hun/hunter2@h/d":          encode,
		"postgres://u:hun?hunter2@h/d":          encode,
		"postgres://u:hunter2%@h/d":             encode,
		"postgres://u:hunter2%zz@h/d":           encode,
		"postgres://u:hun ter2@h/d":             encode,
		"postgres://u:hunter2@h:port/d":         "no port from 1 to 65535",
		"postgres://u:hunter2@h:70000/d":        "no port from 1 to 65535",
		"postgres://u:hunter2@::1/d":            "an IPv6 address stands in [ ]",
		"postgres://u:hunter2@h/d/e":            encode,
		"postgres://u:hunter2@h/d?sslmod=x":     "parameter sslmod is unknown, and dropping it might turn encryption off",
		"postgres://u:hunter2@h/d?sslmode=ful":  "has an unknown sslmode",
		"postgres://u:hunter2@h/d?a=%zz":        "has parameters after the ? that can't be read",
		"postgres://u:p@h/d?connect_timeout=1s": "connect_timeout that is no number of seconds",
		"postgres://u:hunter2%00@h/d":           encode,
		"postgres://u:hunter2@h":                "postgres.database: empty",
		"postgres://h/d":                        "postgres.user: empty",
		"postgres://u:hunter2@/d":               "postgres.host: empty",
	} {
		_, err := config.Load(config.Options{Dir: t.TempDir(), Environ: []string{"HOME=/", "DATABASE_URL=" + url}, Needs: config.NeedPostgres})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: got %v, want one line with %q", url, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") {
			t.Errorf("%s: the fault holds the password: %v", url, err)
		}
		if !strings.Contains(err.Error(), "empty") && !strings.HasPrefix(err.Error(), "DATABASE_URL: postgres.url: ") {
			t.Errorf("%s: where it came from isn't said: %v", url, err)
		}
		if _, err := (config.Postgres{URL: config.URL(url)}).ConnString(); err == nil || strings.Contains(err.Error(), "ter2") {
			t.Errorf("%s: ConnString: %v", url, err)
		}
	}
}

// A URL and parts of several sources make one connection.
func TestPostgresSources(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, yaml string
		env        []string
		want       string // what pgx is told, or a fault
		warnings   []string
	}{
		{
			"URL without password, password apart",
			"postgres: {url: 'postgres://u@h/d', password: p}",
			nil, "host='h' port='5432' user='u' password='p' database='d'", nil,
		},
		{
			"DATABASE_URL replaces all parts of the file, TLS stays",
			"postgres: {host: h2, user: u2, password: p2, sslmode: require, schema: s2}",
			[]string{"DATABASE_URL=postgres://u@h/d"},
			"host='h' port='5432' user='u' database='d' sslmode='require'",
			[]string{"DATABASE_URL takes the place of postgres.host, postgres.user, postgres.password"},
		},
		{
			"a part from the environment corrects DATABASE_URL",
			"",
			[]string{"DATABASE_URL=postgres://u:p@litellm-db:5432/d", "FAULTWIRE_POSTGRES_HOST=127.0.0.1", "FAULTWIRE_POSTGRES_PORT=15432"},
			"host='127.0.0.1' port='15432' user='u' password='p' database='d'", nil,
		},
		{
			"DATABASE_URL over the file's URL, said",
			"postgres: {url: 'postgres://a:b@c/d'}",
			[]string{"DATABASE_URL=postgres://u:p@h/d"},
			"host='h' port='5432' user='u' password='p' database='d'",
			[]string{"DATABASE_URL takes the place of postgres.url in faultwire.yaml:1; FAULTWIRE_POSTGRES_URL or --postgres-url would win over both"},
		},
		{
			"FAULTWIRE_POSTGRES_URL over DATABASE_URL",
			"",
			[]string{"DATABASE_URL=nonsense", "FAULTWIRE_POSTGRES_URL=postgres://u:p@h/d"},
			"host='h' port='5432' user='u' password='p' database='d'", nil,
		},
		{
			"Prisma's parameters",
			"",
			[]string{"DATABASE_URL=postgres://u:p@h/d?schema=llm&connection_limit=5&pgbouncer=true&connect_timeout=30&foo=1&Hunter2=x&application_name=x"},
			"host='h' port='5432' user='u' password='p' database='d' application_name='x' connect_timeout='30'",
			[]string{
				"DATABASE_URL: parameters of Prisma that mean nothing here are not used: connection_limit, pgbouncer",
				"DATABASE_URL: unknown parameters are not used: (one more), foo",
			},
		},
		{
			"a flag's container over DATABASE_URL and the file's host",
			"postgres: {host: h2, port: 15432, user: u2}",
			[]string{"DATABASE_URL=postgres://u:p@h/d", "FAULTWIRE_POSTGRES_CONTAINER=litellm-db-1"},
			"host='litellm-db-1' port='5432' user='u2' sslmode='disable'",
			[]string{
				"FAULTWIRE_POSTGRES_CONTAINER takes the place of DATABASE_URL",
				"FAULTWIRE_POSTGRES_CONTAINER takes the place of postgres.host, postgres.port",
			},
		},
		{
			"DATABASE_URL over the file's container",
			"postgres: {container: litellm-db-1, password: p2}",
			[]string{"DATABASE_URL=postgres://u:p@h/d"},
			"host='h' port='5432' user='u' password='p' database='d'",
			[]string{"DATABASE_URL takes the place of postgres.container, postgres.password"},
		},
		{
			"a host from the environment over the file's container",
			"postgres: {container: litellm-db-1, user: u, password: p, database: d}",
			[]string{"FAULTWIRE_POSTGRES_HOST=db"},
			"host='db' port='5432' user='u' password='p' database='d'",
			[]string{"FAULTWIRE_POSTGRES_HOST takes the place of postgres.container"},
		},
		{
			"a URL as the container sees it",
			"postgres: {container: litellm, url: 'postgres://u:p@db.example:5433/d?sslmode=require'}", nil,
			"host='db.example' port='5433' user='u' password='p' database='d' sslmode='require'", nil,
		},
		{
			"a container alone",
			"postgres: {container: litellm-db-1}", nil,
			"host='litellm-db-1' port='5432' sslmode='disable'", nil,
		},
		{
			"no name of a container",
			"postgres: {container: 'a b'}", nil,
			`faultwire.yaml:1: postgres.container: found "a b": wanted the name or the id of a Docker container, as docker ps shows it`, nil,
		},
		{
			"Prisma's client certificate",
			"",
			[]string{"DATABASE_URL=postgres://u:p@h/d?sslmode=require&sslidentity=client.p12&sslpassword=x&sslaccept=accept_invalid_certs&socket_timeout=3"},
			"host='h' port='5432' user='u' password='p' database='d' sslmode='require'",
			[]string{
				"DATABASE_URL: sslidentity, a PKCS#12 file, is not used; if the server wants our certificate, make PEM files of it " +
					"(openssl pkcs12 -nodes -in FILE -out FILE.pem) and set postgres.sslcert and postgres.sslkey to them",
				"DATABASE_URL: parameters of Prisma that mean nothing here are not used: socket_timeout, sslpassword",
			},
		},
		{
			"the same said twice",
			"postgres: {url: 'postgres://u:p@h:5433/d', host: h, port: 5433}", nil,
			"host='h' port='5433' user='u' password='p' database='d'", nil,
		},
		{
			"contradiction",
			"postgres:\n  url: postgres://u:p@h/d\n  host: h2\n  schema: s\n", nil,
			"faultwire.yaml:3: postgres.host: set here and, differently, in postgres.url (faultwire.yaml:2): keep one", nil,
		},
		{
			"parts alone",
			"postgres: {host: h, user: u, database: d, password: 'it''s \\'}", nil,
			`host='h' port='5432' user='u' password='it\'s \\' database='d'`, nil,
		},
		{
			"parts missing",
			"postgres: {host: h}", nil,
			"postgres.user: empty, and no postgres.url names it: set it (FAULTWIRE_POSTGRES_USER), such as faultwire\n" +
				"postgres.database: empty, and no postgres.url names it: set it (FAULTWIRE_POSTGRES_DATABASE), such as litellm", nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := config.Load(config.Options{Dir: write(t, "faultwire.yaml", c.yaml), Environ: append(c.env, "HOME=/"), Needs: config.NeedPostgres})
			if err != nil {
				if diff := cmp.Diff(c.want, err.Error()); diff != "" {
					t.Error(diff)
				}
				return
			}
			got, err := s.Postgres.ConnString()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warnings, s.Warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPostgresSchema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ yaml, url, want string }{
		{"", "postgres://u:p@h/d", "public"},
		{"", "postgres://u:p@h/d?schema=llm", "llm"},
		{"postgres: {schema: own}", "postgres://u:p@h/d", "own"},
		{"postgres: {schema: own}", "postgres://u:p@h/d?schema=llm", "llm"},
	} {
		s, err := config.Load(config.Options{Dir: write(t, "faultwire.yaml", c.yaml), Environ: []string{"HOME=/", "DATABASE_URL=" + c.url}, Needs: config.NeedPostgres})
		if err != nil || s.Postgres.Schema != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]config.Postgres{
		"u@h/d":        {URL: "postgres://u:hunter2@h/d"},
		"u@h:5433/d":   {Host: "h", Port: 5433, User: "u", Password: "hunter2", Database: "d"},
		"u@a,b/d":      {URL: "postgres://u:hunter2@a:1,b:2/d"},
		"c":            {Container: "c"},
		"u@c/d":        {Container: "c", User: "u", Database: "d"},
		"u@/run/pg/d2": {URL: "postgres://u:hunter2@%2Frun%2Fpg/d", Database: "d2"},
	} {
		if got := p.Target(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
