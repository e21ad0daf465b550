package pgtemp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
)

// StopMode is how Stop ends the server, as in `pg_ctl stop -m`.
type StopMode int

const (
	// Fast disconnects clients, lets walsenders send what is left, and writes a
	// checkpoint.
	Fast StopMode = iota
	// Immediate ends every process at once: the next start recovers as after a
	// crash.
	Immediate
)

const superuser = "postgres"

// Server is a running throwaway server. Its methods may be called from several
// goroutines.
type Server struct {
	cfg      Config
	install  installation
	who      *account
	dir      string
	ownDir   bool // made by Start, so removed by Close
	password string

	mu     sync.Mutex
	port   int
	run    *process // nil while stopped
	closed bool
}

// Start makes a new server and returns when it takes connections. ctx bounds
// the start, downloads included, not the life of the server. A server that can't
// be had on this machine is an *UnavailableError.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	install, err := locate(ctx, cfg, who)
	if err != nil {
		return nil, err
	}
	cfg.log("starting PostgreSQL %s of %s", install.version, install.bin)
	s := &Server{cfg: cfg, install: install, who: who, password: rand.Text()}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// create makes the folder and the database cluster. initdb takes 0.6 s; copying
// a kept cluster would save 0.5 s of it and need invalidation, so it isn't done.
func (s *Server) create(ctx context.Context) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	passwords := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwords, []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the server's password: %w", err)
	}
	defer func() { _ = os.Remove(passwords) }()
	if err := s.who.own(passwords); err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, s.install.path("initdb"),
		"-D", s.data(), "-U", superuser, "-A", "scram-sha-256", "--pwfile", passwords,
		"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.WaitDelay = killTimeout // its children may hold the output open after a cancel
	initdb.Dir = s.dir
	initdb.Env = environment(s.dir)
	s.who.detach(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("make a PostgreSQL %s database cluster in %s: %w: %s", s.install.version, s.dir, err, trimLine(out))
	}
	for name, data := range s.cfg.Files {
		path := filepath.Join(s.data(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write a file of the server: %w", err)
		}
		if err := s.who.own(path); err != nil {
			return err
		}
	}
	return writeSettings(s.data(), s.cfg.Settings)
}

func (s *Server) makeDir() error {
	if s.cfg.Dir == "" {
		if err := s.reachTemp(); err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "faultwire-postgres-")
		if err != nil {
			return fmt.Errorf("make a folder for the server: %w", err)
		}
		s.dir, s.ownDir = dir, true
		return s.who.own(dir)
	}
	dir, err := filepath.Abs(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("find the server's folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make a server in %s: %w", dir, fs.ErrExist)
	}
	if err := s.who.reach(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the server's folder: %w", err)
	}
	s.dir = dir
	return s.who.own(dir)
}

// reachTemp says what to do when root's TMPDIR is closed to the server's user.
func (s *Server) reachTemp() error {
	err := s.who.reach(os.TempDir())
	if closed, ok := errors.AsType[*UnavailableError](err); ok && filepath.Clean(os.TempDir()) != "/tmp" {
		return &UnavailableError{Cause: fmt.Errorf("TMPDIR is %s: %w", os.TempDir(), closed.Cause), Run: "export TMPDIR=/tmp"}
	}
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// LogFile is the server's own log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "postgres.log") }

// Version is the server's version, as "17.11".
func (s *Server) Version() string { return s.install.version }

// Major is the server's major version, as 17.
func (s *Server) Major() int { return s.install.major }

// BinDir is the folder of the server's programs.
func (s *Server) BinDir() string { return s.install.bin }

// CacheDir is the folder that the server's programs were downloaded to, and
// where they stay; empty when installed ones are used.
func (s *Server) CacheDir() string { return s.install.cache }

// Port is the TCP port on 127.0.0.1; it stays the same over Restart.
func (s *Server) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// URL is the superuser's connection string for a database of this server;
// "postgres" exists from the start.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     "127.0.0.1:" + strconv.Itoa(s.Port()),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop ends the server and keeps its data; a stopped server is left alone. When
// ctx ends first the server is still stopping: Stop again, with Immediate.
func (s *Server) Stop(ctx context.Context, mode StopMode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.stop(ctx, mode)
}

func (s *Server) stop(ctx context.Context, mode StopMode) error {
	if s.run == nil {
		return nil
	}
	if err := s.run.stop(ctx, s.install, mode); err != nil {
		return err
	}
	s.run = nil
	return nil
}

// Restart starts the server again on the same port and data, after a fast stop
// when it runs.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.stop(ctx, Fast); err != nil {
		return err
	}
	return s.start(ctx)
}

// Close stops the server at once and removes its files; a second call does
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.run != nil {
		s.run.kill(s.install)
		s.run = nil
	}
	return s.remove()
}

func (s *Server) remove() error {
	if s.dir == "" {
		return nil
	}
	if s.ownDir {
		if err := os.RemoveAll(s.dir); err != nil {
			return fmt.Errorf("remove the server's folder: %w", err)
		}
		return nil
	}
	for _, path := range []string{s.data(), s.LogFile()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove the server's files: %w", err)
		}
	}
	return nil
}
