package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/pgtemp"
)

// MajorVariable names the environment variable that chooses the PostgreSQL
// major version for tests, as "17". Empty means any.
const MajorVariable = "FAULTWIRE_TEST_POSTGRES"

// shared is the one server of this test process. A package variable because
// tests have nothing else in common: it is made by the first test that wants a
// database and ended by Main.
var shared sharedServer //nolint:gochecknoglobals // see above

type sharedServer struct {
	mu        sync.Mutex
	main      bool // Main runs, so that somebody will stop the server
	server    *pgtemp.Server
	err       error           // of the start: one try is enough
	templates map[string]bool // by schema version
}

// Main runs the tests of a package, stops the shared PostgreSQL server, calls after,
// fails when a goroutine is left, and exits. Call it in TestMain.
func Main(m *testing.M, after ...func() error) { goleak.VerifyTestMain(run{m, after}) }

type run struct {
	m     *testing.M
	after []func() error
}

// Run runs before the search for leaked goroutines.
func (r run) Run() int {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()
	code := r.m.Run()
	for _, end := range append([]func() error{shared.stop}, r.after...) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, "testkit:", err)
			code = max(code, 1)
		}
	}
	return code
}

func (s *sharedServer) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return nil
	}
	return s.server.Close()
}

var errNoMain = errors.New("testkit.Postgres needs `func TestMain(m *testing.M) { testkit.Main(m) }` in this package")

// get returns the server, started by the first caller.
func (s *sharedServer) get(ctx context.Context) (*pgtemp.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.main {
		return nil, errNoMain
	}
	if s.server == nil && s.err == nil {
		// Tests want speed; the one about durability starts its own server.
		s.server, s.err = startServer(ctx, pgtemp.Config{Settings: map[string]string{"fsync": "off", "full_page_writes": "off"}})
		s.templates = map[string]bool{}
	}
	return s.server, s.err
}

func startServer(ctx context.Context, cfg pgtemp.Config) (*pgtemp.Server, error) {
	if v := os.Getenv(MajorVariable); v != "" {
		var err error
		if cfg.Major, err = strconv.Atoi(v); err != nil {
			return nil, fmt.Errorf("%s=%q is no PostgreSQL major version; set it to one as 17, or to nothing for any", MajorVariable, v)
		}
	}
	return pgtemp.Start(ctx, cfg)
}

// PostgresServer starts a server for one test, to be stopped and started in it.
// The settings go over pgtemp's defaults; fsync is on unless switched off here.
// It is closed at the end of the test.
func PostgresServer(t testing.TB, settings map[string]string) *pgtemp.Server {
	t.Helper()
	return PostgresServerWith(t, settings, nil)
}

// PostgresServerWith is PostgresServer with files in its data folder, such as
// pg_hba.conf.
func PostgresServerWith(t testing.TB, settings map[string]string, files map[string][]byte) *pgtemp.Server {
	t.Helper()
	server, err := startServer(t.Context(), pgtemp.Config{Settings: settings, Files: files, Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
