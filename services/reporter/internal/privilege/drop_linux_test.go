package privilege_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/services/reporter/internal/privilege"
)

// what the child that becomes somebody else found.
type what struct {
	Owner       privilege.Owner
	DropError   string
	Status      map[string]string // of /proc/self/status
	WriteError  string            // of a file in the folder
	WriteTwice  bool              // Drop again changed nothing
	BackToRoot  bool
	OpenFilesOf bool // /proc/self/fd can be read
}

const folderOf = "PRIVILEGE_TEST_FOLDER"

// TestChild is the process of the other tests: alone it tests that an ordinary
// user, or a root with all its rights, stays who he is.
func TestChild(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(folderOf)
	if dir == "" {
		before := privilege.Owner{UID: os.Geteuid(), GID: os.Getegid()}
		after, err := privilege.Drop(t.TempDir())
		if err != nil || after != before || os.Geteuid() != before.UID {
			t.Errorf("Drop = %+v, %v; effective uid %d; want %+v as before", after, err, os.Geteuid(), before)
		}
		return
	}
	var w what
	var err error
	if w.Owner, err = privilege.Drop(dir); err != nil {
		w.DropError = err.Error()
	}
	again, err := privilege.Drop(dir)
	w.WriteTwice = err == nil && !again.Changed
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		w.WriteError = err.Error()
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	w.Status = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb):[ \t]*(.*?)[ \t]*$`).FindAllStringSubmatch(string(status), -1) {
		w.Status[m[1]] = m[2]
	}
	w.BackToRoot = syscall.Setuid(0) == nil
	_, err = os.ReadDir("/proc/self/fd")
	w.OpenFilesOf = err == nil
	if err := json.NewEncoder(os.Stdout).Encode(w); err != nil {
		t.Fatal(err)
	}
}

// asContainer runs TestChild as the container is started, with these capabilities.
func asContainer(t *testing.T, dir, caps string) what {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-all"+caps, "--no-new-privs", "--", self, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), folderOf+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var w what
	_, text, _ := strings.Cut(string(out), "{")
	if err := json.NewDecoder(strings.NewReader("{" + text)).Decode(&w); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return w
}

func folder(t *testing.T, uid, gid int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a process that has some of root's rights") //nolint:forbidigo // a plain user can't be tested as root
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv (util-linux) is not installed: nothing to start a process with some of root's rights") //nolint:forbidigo // a tool of the machine, not of Go
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // a mount has no folders above
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir
}

func owner(t *testing.T, path string) (uid, gid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return stat.Uid, stat.Gid
}

const containerCaps = ",+chown,+setuid,+setgid"

func TestBecomesTheOwnerForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uid, gid int // of the folder
		want     privilege.Owner
		ids      string
	}{
		"of a person":        {1000, 1001, privilege.Owner{UID: 1000, GID: 1001, Changed: true}, "1000\t1000\t1000\t1000 1001\t1001\t1001\t1001"},
		"made by the engine": {0, 0, privilege.Owner{UID: privilege.Nobody, GID: privilege.Nobody, Changed: true}, "65532\t65532\t65532\t65532 65532\t65532\t65532\t65532"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, test.uid, test.gid)
			inner := filepath.Join(dir, "2026-11-23")
			if err := os.Mkdir(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			got := asContainer(t, dir, containerCaps)
			none := "0000000000000000"
			uids, gids, _ := strings.Cut(test.ids, " ")
			want := what{
				Owner: test.want, WriteTwice: true, OpenFilesOf: true,
				Status: map[string]string{"Uid": uids, "Gid": gids, "Groups": "", "CapEff": none, "CapPrm": none, "CapInh": none, "CapAmb": none},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if uid, gid := owner(t, filepath.Join(dir, "file")); int(uid) != test.want.UID || int(gid) != test.want.GID {
				t.Errorf("file of %d:%d, want %d:%d", uid, gid, test.want.UID, test.want.GID)
			}
			if uid, _ := owner(t, inner); uid != 0 {
				t.Errorf("a folder inside was given to %d: only the folder itself may be", uid)
			}
		})
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	got := asContainer(t, filepath.Join(folder(t, 1000, 1000), "missing"), containerCaps)
	if got.Owner.UID != privilege.Nobody || !strings.Contains(got.WriteError, "no such file") {
		t.Errorf("owner %+v, write error %q; want uid %d and no folder", got.Owner, got.WriteError, privilege.Nobody)
	}
}

// Without CAP_CHOWN the folder stays root's; the check of the folder says what to
// do, so Drop itself doesn't fail.
func TestFolderThatCanNotBeGivenAway(t *testing.T) {
	t.Parallel()
	got := asContainer(t, folder(t, 0, 0), ",+setuid,+setgid")
	if got.Owner.UID != privilege.Nobody || got.DropError != "" || !strings.Contains(got.WriteError, "permission denied") {
		t.Errorf("owner %+v, error %q, write error %q; want uid %d that may not write", got.Owner, got.DropError, got.WriteError, privilege.Nobody)
	}
}

func TestWhoMustNotChange(t *testing.T) {
	t.Parallel()
	for name, caps := range map[string]string{
		"root with all its rights":      ",+chown,+setuid,+setgid,+dac_override",
		"root that may not become else": ",+chown",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := asContainer(t, folder(t, 0, 0), caps)
			if got.Owner != (privilege.Owner{}) || got.WriteError != "" {
				t.Errorf("owner %+v, write error %q; want root as before, who writes", got.Owner, got.WriteError)
			}
		})
	}
}

// The root of a user namespace (a rootless engine) is a person outside: files are
// that person's as long as it stays root.
func TestRootOfAUserNamespace(t *testing.T) {
	t.Parallel()
	dir := folder(t, 0, 0)
	self := copyOfThisTest(t, filepath.Dir(dir))
	if err := os.Chown(dir, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-all"+containerCaps, "--no-new-privs", "--", self, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), folderOf+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER,
		Credential:                 &syscall.Credential{}, // root, in there
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: privilege.Nobody, HostID: 101000, Size: 1}},
		GidMappingsEnableSetgroups: true,
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: privilege.Nobody, HostID: 101000, Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("this kernel makes no user namespaces for us: %v: %s", err, out) //nolint:forbidigo // the kernel decides
	}
	if info, err := os.Stat(filepath.Join(dir, "file")); err != nil || info.Sys().(*syscall.Stat_t).Uid != 1000 {
		t.Errorf("file: %v, %v; want one of uid 1000: %s", info, err, out)
	}
}

// copyOfThisTest is for users who can't look into the folder that go test builds in.
func copyOfThisTest(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
