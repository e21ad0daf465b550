//go:build unix

package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a Docker Engine with one container, db, whose commands run on this
// machine.
type fake struct {
	t      *testing.T
	socket string

	mu       sync.Mutex
	state    map[string]any
	path     string // PATH of commands
	commands map[string][]string
	oldStart bool // answers as engines do that know no upgrade
	refuse   int  // status of the start of a command
}

func newFake(t *testing.T) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "fw") //nolint:usetesting // a socket's path has 104 characters at most
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, socket: filepath.Join(dir, "s"), path: os.Getenv("PATH"), commands: map[string][]string{}, state: map[string]any{
		"Id": "0123", "Name": "/db", "State": map[string]any{"Status": "running", "Running": true},
		"Config": map[string]any{"Env": []string{"POSTGRES_USER=llmproxy", "POSTGRES_PASSWORD=a=b", "EMPTY="}},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containers/{name}/json", f.inspect)
	mux.HandleFunc("GET /containers/json", f.list)
	mux.HandleFunc("POST /containers/{id}/exec", f.exec)
	mux.HandleFunc("POST /exec/{id}/start", f.start)
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fake) container(name string) *Container {
	c := New(name, func(key string) string { return map[string]string{"DOCKER_HOST": "unix://" + f.socket}[key] })
	c.contained = func() bool { return false }
	return c
}

func (f *fake) find() *Found {
	f.t.Helper()
	found, err := f.container("db").Find(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fake) inspect(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.PathValue("name") != "db" {
		answerJSON(w, http.StatusNotFound, map[string]string{"message": "No such container: " + r.PathValue("name")})
		return
	}
	answerJSON(w, http.StatusOK, f.state)
}

func (f *fake) list(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, []map[string]any{
		{"Names": []string{"/litellm"}, "Image": "ghcr.io/berriai/litellm:v1.80"},
		{"Names": []string{"/\x1b[31mdb\n"}, "Image": "docker.io/library/postgres:16"},
		{"Names": []string{}, "Image": "pgvector/pgvector:pg17"},
	})
}

func (f *fake) exec(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Cmd []string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprint(len(f.commands))
	f.commands[id] = asked.Cmd
	answerJSON(w, http.StatusCreated, map[string]string{"Id": id})
}

// start runs the command as the engine does: its output in frames, its input
// closed when the client goes, the connection closed when it ends.
func (f *fake) start(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	command, path, oldStart, refuse := f.commands[r.PathValue("id")], f.path, f.oldStart, f.refuse
	f.mu.Unlock()
	if refuse != 0 {
		answerJSON(w, refuse, map[string]string{"message": "Container 0123 is not running"})
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		f.t.Error(err)
	}
	conn, in, err := w.(http.Hijacker).Hijack()
	if err != nil {
		f.t.Error(err)
		return
	}
	defer conn.Close()
	head := "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	if oldStart {
		head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
	}
	_, _ = io.WriteString(conn, head)
	out := &framed{to: conn}
	program, err := lookIn(path, command[0])
	if err != nil {
		// This very text comes on stdout.
		_, _ = out.kind(stdoutFrame).Write([]byte("OCI runtime exec failed: exec failed: unable to start container process: exec: \"" + command[0] + "\": executable file not found in $PATH: unknown\r\n"))
		return
	}
	cmd := exec.CommandContext(context.WithoutCancel(r.Context()), program, command[1:]...)
	cmd.Env = []string{"PATH=" + path}
	cmd.Stdout, cmd.Stderr = out.kind(stdoutFrame), out.kind(stderrFrame)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		f.t.Error(err)
		return
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(stdin, in)
		_ = stdin.Close()
	}()
	_ = cmd.Wait()
	_ = conn.Close()
	<-copied
}

func lookIn(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if at, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return at, nil
		}
	}
	return "", exec.ErrNotFound
}

type framed struct {
	mu sync.Mutex
	to io.Writer
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func (f *framed) kind(kind byte) io.Writer {
	return writer(func(p []byte) (int, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		_, err := f.to.Write(frame(kind, p))
		return len(p), err
	})
}

// tools is a folder with a few of this machine's programs, to be a PATH.
func tools(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		at, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(at, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// program adds one of our own to such a folder.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+strings.TrimSpace(script)+"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}
