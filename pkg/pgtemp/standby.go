package pgtemp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// Standby makes a second server that follows this one by streaming replication. It
// begins with a copy of this server's files, for which this one is stopped and
// started again. settings go over those of this server. `SELECT pg_promote()` on
// it makes it a server of its own.
func (s *Server) Standby(ctx context.Context, settings map[string]string) (*Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if err := s.stop(ctx, Fast); err != nil {
		return nil, err
	}
	b := &Server{cfg: s.cfg, install: s.install, who: s.who, password: s.password}
	b.cfg.Dir, b.cfg.Settings = "", settings
	err := b.makeDir()
	if err == nil {
		err = b.copyData(s)
	}
	if err := errors.Join(err, s.start(ctx)); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.remove())
	}
	return b, nil
}

// copyData takes over the files of a stopped server and says whom to follow.
func (s *Server) copyData(from *Server) error {
	if err := os.CopyFS(s.data(), os.DirFS(from.data())); err != nil {
		return fmt.Errorf("copy the server's files: %w", err)
	}
	if err := emptyDir(filepath.Join(s.data(), "pg_replslot")); err != nil { // as pg_basebackup does: slots are of one server
		return err
	}
	if err := writeSettings(s.data(), s.cfg.Settings); err != nil {
		return err
	}
	// The name of a database is for PostgreSQL 17 and later, which keeps slots in
	// step through it.
	primary := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: "127.0.0.1:" + strconv.Itoa(from.port), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	if err := writeSettings(s.data(), map[string]string{"hot_standby": "on", "primary_conninfo": primary.String()}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.data(), "standby.signal"), nil, 0o600); err != nil {
		return fmt.Errorf("mark the server as a standby: %w", err)
	}
	err := filepath.WalkDir(s.data(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return errors.Join(os.Chmod(path, mode), s.who.own(path))
	})
	if err != nil {
		return fmt.Errorf("give the copied files to the server's user: %w", err)
	}
	return nil
}

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("empty %s: %w", dir, err)
	}
	return nil
}
