package dayfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/faultwire/faultwire/services/reporter/internal/dayfile"
)

// asNobody runs fn on a thread whose file accesses are those of an ordinary user.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		fn()
	}()
	<-done
}

func TestFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Dir(dir)} { // others may look into a test's folder, not write
		if err := os.Chmod(path, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
			t.Error(err)
		}
	})
	for path, command := range map[string]string{
		dir:                              "Run: sudo chown ",
		filepath.Join(dir, "sub", "dir"): "Run: sudo mkdir -p " + filepath.Join(dir, "sub", "dir") + " && sudo chown ",
	} {
		asNobody(t, func() {
			err := dayfile.Check(path)
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("error = %v, want one that is fs.ErrPermission", err)
				return
			}
			for _, part := range []string{"output.dir: " + path + ": permission denied (uid ", "folder owned by ", command, ", or set output.dir (FAULTWIRE_OUTPUT_DIR)."} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}
