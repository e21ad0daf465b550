package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/pgtemp"
)

const cleanupTimeout = 30 * time.Second

// Database is a database of one test.
type Database struct {
	// URL is the superuser's connection string.
	URL string
	// Name is unique on the server and legal as the name of a slot, a role or a
	// publication. Slots and roles belong to the whole server, which other tests
	// use at the same time: name them after the database.
	Name string
	// Server is the server it is on; unless WithServer gave it, don't stop it.
	Server *pgtemp.Server
}

// Option chooses how Postgres makes a database.
type Option func(*options)

type options struct {
	schema string
	server *pgtemp.Server
}

// WithSchema chooses the LiteLLM release whose tables the database has, one of
// Versions, or "" for none. The default is sample.Version, 1.80.10.
func WithSchema(version string) Option { return func(o *options) { o.schema = version } }

// WithServer makes the database on a server of the test's own.
func WithServer(s *pgtemp.Server) Option { return func(o *options) { o.server = s } }

// Postgres makes a fresh database with LiteLLM's empty tables. It is dropped at
// the end of the test, with its publications and its replication slots, also
// those still in use.
func Postgres(t testing.TB, opts ...Option) *Database {
	t.Helper()
	o := options{schema: defaultVersion}
	for _, opt := range opts {
		opt(&o)
	}
	db, err := makeDatabase(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if o.server == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupTimeout)
			defer cancel()
			if err := db.drop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return db
}

// Conn opens a connection that is closed at the end of the test.
func (d *Database) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func makeDatabase(ctx context.Context, o options) (*Database, error) {
	name := "t_" + strings.ToLower(rand.Text()[:12])
	if o.server != nil {
		d := &Database{Server: o.server, Name: name, URL: o.server.URL(name)}
		if err := d.admin(ctx, "CREATE DATABASE "+quoted(name)); err != nil {
			return nil, err
		}
		return d, loadSchema(ctx, d.URL, o.schema)
	}
	server, err := shared.get(ctx)
	if err != nil {
		return nil, err
	}
	template, err := shared.template(ctx, o.schema)
	if err != nil {
		return nil, err
	}
	d := &Database{Server: server, Name: name, URL: server.URL(name)}
	return d, d.admin(ctx, "CREATE DATABASE "+quoted(name)+" TEMPLATE "+quoted(template))
}

// template returns the template database with a release's tables, made by the
// first caller.
func (s *sharedServer) template(ctx context.Context, version string) (string, error) {
	if version == "" {
		return "template1", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := "litellm_" + strings.ReplaceAll(version, ".", "_")
	if s.templates[version] {
		return name, nil
	}
	d := &Database{Server: s.server, Name: name, URL: s.server.URL(name)}
	if err := d.admin(ctx, "DROP DATABASE IF EXISTS "+quoted(name)); err != nil { // of a try that failed
		return "", err
	}
	if err := d.admin(ctx, "CREATE DATABASE "+quoted(name)); err != nil {
		return "", err
	}
	if err := loadSchema(ctx, d.URL, version); err != nil {
		return "", err
	}
	s.templates[version] = true
	return name, nil
}

func loadSchema(ctx context.Context, url, version string) error {
	if version == "" {
		return nil
	}
	sql, err := Schema(version)
	if err != nil {
		return err
	}
	return withConn(ctx, url, func(conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("load the schema of LiteLLM %s: %w", version, err)
		}
		return nil
	})
}

// drop removes the database. A follower may still stream from it, and reconnect
// when cut off: so nobody may connect any more, then its walsender ends. DROP
// DATABASE itself removes the slots that nobody uses.
func (d *Database) drop(ctx context.Context) error {
	return withConn(ctx, d.Server.URL("postgres"), func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "ALTER DATABASE "+quoted(d.Name)+" ALLOW_CONNECTIONS false"); err != nil {
			return fmt.Errorf("close test database %s: %w", d.Name, err)
		}
		const timeout = 10_000 // milliseconds to wait for each backend
		if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE datname = $1", d.Name, timeout); err != nil {
			return fmt.Errorf("end the users of test database %s: %w", d.Name, err)
		}
		if _, err := conn.Exec(ctx, "DROP DATABASE "+quoted(d.Name)+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop test database %s: %w", d.Name, err)
		}
		return nil
	})
}

// admin runs one statement outside the database.
func (d *Database) admin(ctx context.Context, sql string) error {
	return withConn(ctx, d.Server.URL("postgres"), func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		return nil
	})
}

func withConn(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
