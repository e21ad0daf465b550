package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/config"
)

// What a container is told completes what we are told, and never mixes one role
// with the password of another.
func TestInside(t *testing.T) {
	t.Parallel()
	official := map[string]string{"POSTGRES_USER": "llmproxy", "POSTGRES_PASSWORD": "dbpassword9090", "POSTGRES_DB": "litellm", "PGDATA": "/var/lib/postgresql/data"}
	client := map[string]string{"DATABASE_URL": "postgresql://llmproxy:pw%40@db:5433/litellm?sslmode=require&schema=public", "POSTGRES_PASSWORD": "other"}
	for _, c := range []struct {
		name string
		own  config.Postgres
		env  map[string]string
		want string
	}{
		{"nothing set", config.Postgres{}, official, "host='c' port='5432' user='llmproxy' password='dbpassword9090' database='litellm' sslmode='disable'"},
		{"the image's defaults", config.Postgres{}, map[string]string{"POSTGRES_PASSWORD": "it's"}, `host='c' port='5432' user='postgres' password='it\'s' database='postgres' sslmode='disable'`},
		{"the user's name for the database", config.Postgres{}, map[string]string{"POSTGRES_USER": "u"}, "host='c' port='5432' user='u' database='u' sslmode='disable'"},
		{"Bitnami", config.Postgres{}, map[string]string{"POSTGRESQL_USERNAME": "u", "POSTGRESQL_PASSWORD": "p", "POSTGRESQL_DATABASE": "d"}, "host='c' port='5432' user='u' password='p' database='d' sslmode='disable'"},
		{"another role", config.Postgres{User: "faultwire"}, official, "host='c' port='5432' user='faultwire' database='litellm' sslmode='disable'"},
		{"another role, its password", config.Postgres{User: "faultwire", Password: "x", Database: "d"}, official, "host='c' port='5432' user='faultwire' password='x' database='d' sslmode='disable'"},
		{"the same role", config.Postgres{User: "llmproxy"}, official, "host='c' port='5432' user='llmproxy' password='dbpassword9090' database='litellm' sslmode='disable'"},
		{"the password alone", config.Postgres{Password: "x"}, official, "host='c' port='5432' user='llmproxy' password='x' database='litellm' sslmode='disable'"},
		{"LiteLLM's container", config.Postgres{}, client, "host='db' port='5433' user='llmproxy' password='pw@' database='litellm' sslmode='require'"},
		{"a server that knows LiteLLM's URL", config.Postgres{}, map[string]string{"DATABASE_URL": "postgres://a:b@c/d", "PGDATA": "/x", "POSTGRES_USER": "u"}, "host='c' port='5432' user='u' database='u' sslmode='disable'"},
		{"a URL that can't be read", config.Postgres{}, map[string]string{"DATABASE_URL": "os.environ/DB", "POSTGRES_USER": "u"}, "host='c' port='5432' user='u' database='u' sslmode='disable'"},
		{"TLS inside", config.Postgres{SSLMode: "require"}, official, "host='c' port='5432' user='llmproxy' password='dbpassword9090' database='litellm' sslmode='require'"},
		{"its port", config.Postgres{Port: 5999}, official, "host='c' port='5999' user='llmproxy' password='dbpassword9090' database='litellm' sslmode='disable'"},
		{"a host as it sees it", config.Postgres{Host: "127.0.0.1"}, official, "host='127.0.0.1' port='5432' user='llmproxy' password='dbpassword9090' database='litellm' sslmode='disable'"},
		{"a URL of ours", config.Postgres{URL: "postgres://u@h:1/d"}, official, "host='h' port='1' user='u' database='d'"},
	} {
		c.own.Container = "c"
		got, err := c.own.Inside(c.env).ConnString()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
