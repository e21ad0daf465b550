package pgtemp_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/pgtemp"
)

func start(t *testing.T, cfg pgtemp.Config) *pgtemp.Server {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = func(line string) { t.Log(line) }
	}
	s, err := pgtemp.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query[T any](t *testing.T, s *pgtemp.Server, sql string) T {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var v T
	if err := conn.QueryRow(ctx, sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestServerTakesConnectionsWithItsDefaults(t *testing.T) {
	t.Parallel()
	s := start(t, pgtemp.Config{Settings: map[string]string{"application_name": `it's a \ test`}})
	for setting, want := range map[string]string{
		"wal_level":        "logical",
		"fsync":            "on",
		"TimeZone":         "UTC",
		"listen_addresses": "127.0.0.1",
		"server_encoding":  "UTF8",
	} {
		if got := query[string](t, s, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := query[string](t, s, "SELECT setting FROM pg_file_settings WHERE name = 'application_name'"); got != `it's a \ test` {
		t.Errorf("a setting with quotes arrived as %q", got)
	}
	if got := query[int](t, s, "SELECT current_setting('server_version_num')::int / 10000"); got != s.Major() || got < pgtemp.MinMajor {
		t.Errorf("server says major %d, Major() %d", got, s.Major())
	}
}
