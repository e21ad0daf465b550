//go:build unix

package pgtemp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startChild runs this test binary as a process that has a server. Its input
// stays open until it is closed or the child is killed.
func startChild(t *testing.T, binary string, cred *syscall.Credential) (cmd *exec.Cmd, stdin io.Closer, port int, dir string) {
	t.Helper()
	cmd = exec.Command(binary)
	cache, err := DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), childVariable+"=1", cacheVariable+"="+cache)
	cmd.Dir = "/"
	var errText strings.Builder
	cmd.Stderr = &errText
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, &port, &dir); err != nil {
		_ = in.Close()
		_ = cmd.Wait()
		t.Fatalf("the child has no server: %v\n%s", err, errText.String())
	}
	return cmd, in, port, dir
}

// awaitGone waits until nobody listens on the port and the folder is away.
func awaitGone(t *testing.T, port int, dir string) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = conn.Close()
		}
		_, statErr := os.Stat(dir)
		if err != nil && errors.Is(statErr, fs.ErrNotExist) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("the server outlived its parent: port %d: %v, folder %s: %v", port, err, dir, statErr)
		}
	}
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func TestServerEndsWithAKilledParent(t *testing.T) {
	t.Parallel()
	cmd, stdin, port, dir := startChild(t, self(t), nil)
	defer func() { _ = stdin.Close() }()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked
	awaitGone(t, port, dir)
}

// The server and its watcher have a session of their own: a Ctrl-C, which goes
// to the whole group of the terminal, leaves them to their parent.
func TestServerSurvivesASignalToTheGroup(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	pgid, err := syscall.Getpgid(s.run.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if pgid == syscall.Getpgrp() {
		t.Error("the server is in our process group")
	}
	pgid, err = syscall.Getpgid(s.run.guard.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if pgid == syscall.Getpgrp() {
		t.Error("the watcher is in our process group")
	}
}

// As root the server runs under another user, and a plain user needs nothing.
func TestServerOfAPlainUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		s := startServer(t, Config{})
		if s.who != nil {
			t.Errorf("a plain user's server runs as %s", s.who.name)
		}
		return
	}
	startServer(t, Config{}) // fills the cache where nothing is installed
	binary := filepath.Join(openDir(t), "pgtemp.test")
	copyProgram(t, self(t), binary)
	cmd, stdin, port, dir := startChild(t, binary, &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{}})
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
		t.Errorf("the folder belongs to user %d", uid)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the child: %v", err)
	}
	awaitGone(t, port, dir)
}

func TestServerOfRootRunsAsAnotherUser(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	info, err := os.Stat(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	if uid == 0 {
		t.Error("the server runs as root")
	}
	if euid := os.Geteuid(); euid != 0 && uid != uint32(euid) {
		t.Errorf("the server of user %d runs as user %d", euid, uid)
	}
}

func TestReachNamesTheClosedFolder(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	closed := filepath.Join(base, "closed")
	inner := filepath.Join(closed, "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := &account{name: "stranger", uid: 54321, gid: 54321}
	if err := stranger.reach(base); err != nil {
		t.Errorf("an open folder: %v", err)
	}
	if err := stranger.reach(filepath.Join(base, "not", "yet")); err != nil {
		t.Errorf("a folder to be made: %v", err)
	}
	err := stranger.reach(inner)
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Run != "chmod o+x "+closed {
		t.Errorf("below a closed folder: %v", err)
	}
	owner := &account{name: "owner", uid: uint32(os.Geteuid()), gid: 54321}
	if err := owner.reach(inner); err != nil {
		t.Errorf("the owner: %v", err)
	}
	if err := (*account)(nil).reach(inner); err != nil {
		t.Errorf("no other account: %v", err)
	}
}

// Root's TMPDIR may be closed to the server's user, as pam_tmpdir makes it.
func TestClosedTemporaryFolderIsNamed(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self(t))
	cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+closed)
	out, err := cmd.CombinedOutput() // its input is at its end: it stops at once
	if os.Geteuid() != 0 {
		if err != nil { // the folder is our own
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	if want := "export TMPDIR=/tmp"; err == nil || !strings.Contains(string(out), closed) || !strings.Contains(string(out), want) {
		t.Errorf("%v: %q, want a message with %s and %s", err, out, closed, want)
	}
	if names := entries(t, closed); len(names) != 0 {
		t.Errorf("%v is left", names)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
