package dayfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	// ErrBusy is returned by Claim while another process writes the same set: it is
	// to be tried again soon.
	ErrBusy = errors.New("another faultwire is writing this report")
	// ErrTaken is returned by Commit when a file of another tool has the name: the
	// set was given up, a new claim gets another second.
	ErrTaken = errors.New("another tool wrote a file of this name")
	// ErrDayFull is returned by Claim when a day has no second left.
	ErrDayFull = errors.New("all seconds of this day are taken: move old files away or set output.dir (FAULTWIRE_OUTPUT_DIR)")
	// ErrNoFolder is returned for an empty path.
	ErrNoFolder = errors.New("output.dir (FAULTWIRE_OUTPUT_DIR) is empty: set it to the folder for reports")
)

// explain puts an error of the disk in the words of the settings: the subject
// first, the remedy last.
func explain(path string, err error) error { return newDiskError(path, err, chown) }

// explainMissing is explain for a folder that could not be made.
func explainMissing(path string, err error) error { return newDiskError(path, err, mkdir) }

// diskError keeps the chain of causes behind one readable line.
type diskError struct {
	text string
	err  error
}

func (e *diskError) Error() string { return e.text }
func (e *diskError) Unwrap() error { return e.err }

// command returns what an administrator runs so that uid may write to path; folder
// is what there is of path.
type command func(path, folder string, uid int) string

func chown(_, folder string, uid int) string {
	return fmt.Sprintf("Run: sudo chown %d %s", uid, quote(folder))
}

func mkdir(path, _ string, uid int) string {
	return fmt.Sprintf("Run: sudo mkdir -p %[2]s && sudo chown %[1]d %[2]s", uid, quote(path))
}

func newDiskError(path string, err error, fix command) error {
	cause := err
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathError.Err
	} else if linkError, ok := errors.AsType[*os.LinkError](err); ok {
		cause = linkError.Err
	}
	why, remedy := diagnose(path, err, fix)
	return &diskError{text: fmt.Sprintf("output.dir: %s: %v%s. %s", path, cause, why, remedy), err: err}
}

// diagnose returns what the error doesn't say and what to do about it.
func diagnose(path string, err error, fix command) (why, remedy string) {
	const otherwise = ", or set output.dir (FAULTWIRE_OUTPUT_DIR)."
	folder, info := nearest(path)
	switch {
	case isDiskFull(err):
		return "", "Free some space there" + otherwise
	case isReadOnly(err):
		return "", "Mount it writable (in a container: a volume)" + otherwise
	case info != nil && !info.IsDir():
		return fmt.Sprintf(" (%s is a file)", folder), "Move it away" + otherwise
	case info != nil && errors.Is(err, fs.ErrPermission):
		if uid, owner := access(info); owner != "" {
			if folder != filepath.Clean(path) {
				owner += ": " + folder
			}
			return fmt.Sprintf(" (uid %d, folder owned by %s)", uid, owner), fix(path, folder, uid) + otherwise
		}
	}
	return "", "Set output.dir (FAULTWIRE_OUTPUT_DIR) to a folder that can be written."
}

// nearest returns path, or the closest folder above it that exists.
func nearest(path string) (string, fs.FileInfo) {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil {
			return path, info
		}
		if path == filepath.Dir(path) {
			return path, nil
		}
	}
}

func quote(path string) string {
	if strings.ContainsAny(path, " \t\"'\\$`;&|<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
