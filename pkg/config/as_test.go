package config_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestLink(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		is   config.Postgres
		want string
	}{
		{config.Postgres{URL: "postgres://admin:a%40b@db:6543/litellm?sslmode=require"}, "postgres://faultwire:s3%2Fc%20ret@db:6543/litellm?sslmode=require"},
		{config.Postgres{Host: "::1", User: "admin", Database: "lite llm", Schema: "lite"}, "postgres://faultwire:s3%2Fc%20ret@[::1]/lite%20llm?schema=lite"},
		{config.Postgres{URL: "postgres://admin@a:1,b:2/litellm?target_session_attrs=read-write"}, "postgres://faultwire:s3%2Fc%20ret@a:1,b:2/litellm?target_session_attrs=read-write"},
		{config.Postgres{URL: "postgres://admin@%2Frun%2Fpostgresql/litellm"}, "postgres://faultwire:s3%2Fc%20ret@%2Frun%2Fpostgresql/litellm"},
	} {
		got := test.is.As("faultwire", "s3/c ret", "").Link()
		if got.Reveal() != test.want {
			t.Errorf("%s: %s, want %s", test.is.URL.Reveal(), got.Reveal(), test.want)
		}
	}
}

// TestLinkRead: whatever the characters, the URL names the same connection.
func TestLinkRead(t *testing.T) {
	t.Parallel()
	text := rapid.StringMatching(`[^\x00]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		p := config.Postgres{Host: "db", Port: rapid.IntRange(1, 65535).Draw(t, "port"), SSLMode: rapid.SampledFrom([]string{"", "require"}).Draw(t, "sslmode"), Schema: "public"}
		p = p.As(text.Draw(t, "user"), config.Secret(text.Draw(t, "password")), text.Draw(t, "database"))
		want, err := p.ConnString()
		if err != nil {
			t.Fatal(err)
		}
		got, err := config.Postgres{URL: p.Link(), Schema: "public"}.ConnString()
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", p.Link().Reveal(), got, err, want)
		}
	})
}
