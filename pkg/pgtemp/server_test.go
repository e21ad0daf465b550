package pgtemp

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func startServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Log = func(line string) { t.Log(line) }
	s, err := Start(t.Context(), cfg)
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

// execute runs SQL; with a result, it returns the first column of the first row.
func execute(t *testing.T, s *Server, sql string) (value any) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		value = values[0]
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestServerHasItsSettings(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{Settings: map[string]string{
		"application_name":       `it's a \ test`,
		"max_slot_wal_keep_size": "64MB",
	}})
	for setting, want := range map[string]string{
		"wal_level":              "logical",
		"fsync":                  "on",
		"TimeZone":               "UTC",
		"listen_addresses":       "127.0.0.1",
		"server_encoding":        "UTF8",
		"max_slot_wal_keep_size": "64MB",
	} {
		if got := execute(t, s, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := execute(t, s, "SELECT setting FROM pg_file_settings WHERE name = 'application_name'"); got != `it's a \ test` {
		t.Errorf("a setting with quotes arrived as %q", got)
	}
	if got := execute(t, s, "SELECT current_setting('server_version_num')::int / 10000"); got != int32(s.Major()) || s.Major() < MinMajor {
		t.Errorf("the server is of major %v, Major() says %d", got, s.Major())
	}
	if !strings.HasPrefix(execute(t, s, "SELECT version()").(string), "PostgreSQL "+s.Version()) {
		t.Errorf("Version() says %s", s.Version())
	}
}

func TestServerWantsItsPassword(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	url := strings.Replace(s.URL("postgres"), s.password, "wrong", 1)
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("another password is let in: any user of the machine would be superuser")
	}
}

func TestRestartKeepsPortAndData(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	port := s.Port()
	execute(t, s, "CREATE TABLE kept AS SELECT 42 AS n")
	for _, mode := range []StopMode{Fast, Immediate} {
		if err := s.Stop(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(t.Context(), s.URL("postgres")); err == nil {
			_ = conn.Close(t.Context())
			t.Error("a stopped server takes connections")
		}
		if err := s.Stop(t.Context(), mode); err != nil {
			t.Errorf("a second stop: %v", err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := execute(t, s, "SELECT n FROM kept"); got != int32(42) {
			t.Errorf("data after a stop of mode %d: %v", mode, got)
		}
	}
	execute(t, s, "ALTER SYSTEM SET wal_level = 'replica'")
	if err := s.Restart(t.Context()); err != nil { // of a running server
		t.Fatal(err)
	}
	if got := execute(t, s, "SELECT current_setting('wal_level')"); got != "replica" {
		t.Errorf("wal_level is %v after ALTER SYSTEM and a restart", got)
	}
	if s.Port() != port {
		t.Errorf("port %d became %d", port, s.Port())
	}
}

func TestStopHonoursItsContext(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx, Fast); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context(), Immediate); err != nil {
		t.Fatal(err)
	}
}

func TestRestartAfterACrash(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	execute(t, s, "CREATE TABLE kept AS SELECT 42 AS n")
	if err := s.run.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.run.done
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := execute(t, s, "SELECT n FROM kept"); got != int32(42) {
		t.Errorf("data after a crash: %v", got)
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder %s after Close: %v", s.dir, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Restart after Close: %v, want ErrClosed", err)
	}
	if err := s.Stop(t.Context(), Fast); !errors.Is(err, ErrClosed) {
		t.Errorf("Stop after Close: %v, want ErrClosed", err)
	}
}

func TestGivenFolderStays(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := startServer(t, Config{Dir: dir})
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second server in one folder: %v, want ErrExist", err)
	}
	if got := execute(t, s, "SELECT 1"); got != int32(1) {
		t.Errorf("the first server afterwards: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("Close left %v", left)
	}
}

func TestBadSettingIsToldInTheServersWords(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	_, err := Start(t.Context(), Config{Dir: dir, Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Fatalf("start with an unknown setting: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a failed start left %v, %v", left, err)
	}
}

func TestCancelledStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v, want Canceled", err)
	}
	s := startServer(t, Config{})
	if err := s.Stop(t.Context(), Fast); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("restart: %v, want Canceled", err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Errorf("restart after a cancelled one: %v", err)
	}
}

// A port that somebody took between the look and the start costs one more try.
func TestTakenPortIsSeen(t *testing.T) {
	t.Parallel()
	first := startServer(t, Config{})
	second := startServer(t, Config{})
	if err := second.Stop(t.Context(), Fast); err != nil {
		t.Fatal(err)
	}
	second.mu.Lock()
	defer second.mu.Unlock()
	if err := second.startOn(t.Context(), first.port); !errors.Is(err, errPortTaken) {
		t.Errorf("start on a taken port: %v, want errPortTaken", err)
	}
}

// TestStandby checks that a standby has what its primary had, gets what comes
// after, refuses to write, and writes once it is promoted.
func TestStandby(t *testing.T) {
	t.Parallel()
	primary := startServer(t, Config{Settings: map[string]string{"fsync": "off"}})
	execute(t, primary, "CREATE TABLE before AS SELECT 1 AS n")
	execute(t, primary, "SELECT pg_create_physical_replication_slot('of_the_primary')")
	standby, err := primary.Standby(t.Context(), map[string]string{"fsync": "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	execute(t, primary, "CREATE TABLE after AS SELECT 2 AS n")
	for deadline := time.Now().Add(time.Minute); ; {
		if execute(t, standby, "SELECT to_regclass('after')::text") == "after" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the standby does not follow")
		}
	}
	if n := execute(t, standby, "SELECT n FROM before WHERE pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_replication_slots)"); n != int32(1) {
		t.Errorf("n = %v", n)
	}
	execute(t, standby, "SELECT pg_promote()")
	execute(t, standby, "INSERT INTO after VALUES (3)")
}

func TestUnknownMajorNamesTheCommand(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Config{Major: 7})
	if _, ok := errors.AsType[*UnavailableError](err); !ok {
		t.Fatalf("start of PostgreSQL 7: %v, want an UnavailableError", err)
	}
	if !strings.HasPrefix(err.Error(), "postgres for the demo: PostgreSQL 7 ") || !strings.Contains(err.Error(), "; run: ") {
		t.Errorf("message: %s", err)
	}
}

// openDir is a temporary folder that every user may enter, as the server's user
// must when the tests run as root. t.TempDir isn't.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "faultwire-pgtemp-test-") //nolint:usetesting // t.TempDir's parents are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(dir)
}
