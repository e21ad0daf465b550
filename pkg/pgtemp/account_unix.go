//go:build unix

package pgtemp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs under when this process is root's:
// PostgreSQL refuses root. A nil *account is the user of this process.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns nil unless the process runs as root. Debian's own
// "postgres" comes first, then "nobody", which every system has.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseInt(u.Uid, 10, 64) // macOS: nobody is -2
		if err != nil {
			continue
		}
		gid, err := strconv.ParseInt(u.Gid, 10, 64)
		if err != nil {
			continue
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, &UnavailableError{
		Cause: errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody"),
		Run:   "useradd --system postgres",
	}
}

// own gives a folder to the account.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(dir, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to user %s: %w", dir, a.name, err)
	}
	return nil
}

// reach says whether the account may enter a folder: every folder on the way
// must have its x bit. The part of the path that doesn't exist yet is taken as
// reachable.
func (a *account) reach(dir string) error {
	if a == nil {
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", dir, err)
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := a.reach(parent); err != nil {
			return err
		}
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at folder %s: %w", dir, err)
	}
	bit := fs.FileMode(0o001)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case st.Uid == a.uid:
			bit = 0o100
		case st.Gid == a.gid:
			bit = 0o010
		}
	}
	if info.Mode()&bit == 0 {
		return &UnavailableError{
			Cause: fmt.Errorf("PostgreSQL refuses to run as root, and user %s can't enter %s (%s)", a.name, dir, info.Mode()),
			Run:   "chmod o+x " + dir,
		}
	}
	return nil
}

// detach makes a command run under the account and in a session of its own, so
// that a Ctrl-C in the terminal reaches this process only, which then stops the
// server in its own order.
func (a *account) detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: []uint32{a.gid}}
	}
}
