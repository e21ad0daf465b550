package postgres_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// passwords hold whatever means something in a URL, a connection string, YAML, a
// shell or a .pgpass.
var passwords = []string{
	`a b'c"d\e`, `@:/?#%&=+[]{}$;,`, `%41 100%`, `密码 пароль ü🔑`, ` leading`, `\`, `'`, `a\'b`, `sslmode=disable host='x'`, `p:w\:x`,
}

// TestPasswords logs in with each of them, in every way it can be given.
func TestPasswords(t *testing.T) { //nolint:paralleltest // PGPASSFILE is the process's
	db := testkit.Postgres(t, testkit.WithSchema(""))
	admin := db.Conn(t)
	exec(t, admin, "CREATE ROLE "+db.Name+" LOGIN")
	t.Cleanup(func() { exec(t, admin, "DROP ROLE "+db.Name) })
	server, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	at := []string{"FAULTWIRE_POSTGRES_HOST=" + server.Hostname(), "FAULTWIRE_POSTGRES_PORT=" + server.Port(), "FAULTWIRE_POSTGRES_USER=" + db.Name, "FAULTWIRE_POSTGRES_DATABASE=" + db.Name}
	for _, password := range passwords {
		exec(t, admin, fmt.Sprintf("ALTER ROLE %s PASSWORD %s", db.Name, postgres.Literal(password)))
		dir := t.TempDir()
		for name, text := range map[string]string{
			"password": password + "\n", "password.dos": password + "\r\n",
			"pgpass": "other:1:*:*:wrong\n" + strings.Join([]string{server.Hostname(), server.Port(), "*", db.Name, strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password)}, ":") + "\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PGPASSFILE", filepath.Join(dir, "pgpass"))
		link := (&url.URL{Scheme: "postgresql", Host: server.Host, Path: db.Name, RawQuery: "schema=public&connection_limit=5"}).String()
		for how, given := range map[string][]string{
			"parts":                       append(at, "FAULTWIRE_POSTGRES_PASSWORD="+password),
			"a file":                      append(at, "FAULTWIRE_POSTGRES_PASSWORD_FILE="+filepath.Join(dir, "password")),
			"a file of Windows":           append(at, "FAULTWIRE_POSTGRES_PASSWORD_FILE="+filepath.Join(dir, "password.dos")),
			"PGPASSFILE":                  at,
			"DATABASE_URL":                {"DATABASE_URL=" + strings.Replace(link, "://", "://"+url.QueryEscape(db.Name)+":"+strings.ReplaceAll(url.QueryEscape(password), "+", "%20")+"@", 1)},
			"DATABASE_URL and apart":      {"DATABASE_URL=" + strings.Replace(link, "://", "://"+db.Name+"@", 1), "FAULTWIRE_POSTGRES_PASSWORD=" + password},
			"DATABASE_URL and PGPASSFILE": {"DATABASE_URL=" + strings.Replace(link, "://", "://"+db.Name+"@", 1)},
		} {
			settings, err := config.Load(config.Options{Dir: dir, Environ: append(given, "HOME="+dir), Needs: config.NeedPostgres})
			if err != nil {
				t.Errorf("%q by %s: %v", password, how, err)
				continue
			}
			d, err := postgres.New(settings.Postgres, os.Getenv)
			if err != nil {
				t.Errorf("%q by %s: %v", password, how, err)
				continue
			}
			conn, err := d.SQL(t.Context())
			if err != nil {
				t.Errorf("%q by %s: %v", password, how, err)
				continue
			}
			if err := conn.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
