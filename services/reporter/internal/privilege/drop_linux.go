package privilege

import (
	"bytes"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Drop makes the process, for good, the owner of folder dir, if it is root without
// CAP_DAC_OVERRIDE but with CAP_SETUID and CAP_SETGID. A folder of root, or one that
// isn't there, makes it [Nobody], and the folder itself, nothing in it, is given to
// Nobody first. Anybody else stays who he is: an ordinary user, a root with all its
// rights, the root of a user namespace whose folder is root's as well (outside, as
// with a rootless engine, both are an ordinary user).
//
// Call it before files are made. After an error the process may be neither.
func Drop(dir string) (Owner, error) {
	now := Owner{UID: os.Geteuid(), GID: os.Getegid()}
	if now.UID != 0 {
		return now, nil
	}
	held, err := capabilities()
	if err != nil {
		return now, err
	}
	if held.has(unix.CAP_DAC_OVERRIDE) || !held.has(unix.CAP_SETUID) || !held.has(unix.CAP_SETGID) {
		return now, nil
	}
	uid, gid, err := ownerOf(dir)
	if err != nil {
		return now, err
	}
	if uid == 0 {
		if inUserNamespace() {
			return now, nil
		}
		// Where this is refused (a share of another machine, say) the check of the
		// folder that follows says so, with the remedy.
		_ = os.Chown(dir, Nobody, Nobody)
		uid, gid = Nobody, Nobody
	}
	if err := become(uid, gid); err != nil {
		return now, fmt.Errorf("become uid %d, gid %d, the owner of output.dir %s: %w", uid, gid, dir, err)
	}
	return Owner{UID: uid, GID: gid, Changed: true}, nil
}

// ownerOf returns root's ids for a folder that isn't there.
func ownerOf(dir string) (uid, gid int, err error) {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("output.dir: look whose it is: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("output.dir: look whose it is: no owner in %T", info.Sys())
	}
	return int(stat.Uid), int(stat.Gid), nil
}

// become gives up root on all threads: groups first, then the user, with which the
// kernel takes the capabilities away. It trusts what it sees, not that.
func become(uid, gid int) error {
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("leave all groups: %w", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("set the group: %w", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("set the user: %w", err)
	}
	held, err := capabilities()
	if err != nil {
		return err
	}
	if held.effective|held.permitted != 0 {
		return fmt.Errorf("capabilities %#x are left", held.effective|held.permitted)
	}
	// The change of user took /proc/self/fd away from us, which the metrics of the
	// process read.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("make /proc/self readable again: %w", err)
	}
	return nil
}

// inUserNamespace reports whether root in here is somebody else outside.
func inUserNamespace() bool {
	// One line of three numbers that maps all users onto themselves: no namespace.
	text, err := os.ReadFile("/proc/self/uid_map")
	fields := bytes.Fields(text)
	return err == nil && (len(fields) < 2 || string(fields[1]) != "0")
}

type held struct{ effective, permitted uint64 }

func (h held) has(capability int) bool { return h.effective&(1<<capability) != 0 }

func capabilities() (held, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // the second holds capabilities 32 and up
	if err := unix.Capget(&header, &data[0]); err != nil {
		return held{}, fmt.Errorf("read the capabilities of this process: %w", err)
	}
	return held{
		effective: uint64(data[0].Effective) | uint64(data[1].Effective)<<32,
		permitted: uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32,
	}, nil
}
