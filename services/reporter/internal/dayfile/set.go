package dayfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// Part is one of the files of a set.
type Part string

// The parts, in the order in which they are written.
const (
	Full     Part = "error_logs_full"     // every failed row with all its columns, JSON
	Analysis Part = "error_logs_analysis" // seven fields a row, JSON
	Text     Part = "llm_analysis"        // the report for people
	Params   Part = "query_params"        // settings and counts, JSON; where it lies the set is complete
)

// Parts returns all parts in the order in which they are written.
func Parts() []Part { return []Part{Full, Analysis, Text, Params} }

func (p Part) name(s stamp) string {
	if p == Text {
		return string(p) + "_" + s.String() + ".txt"
	}
	return string(p) + "_" + s.String() + ".json"
}

func (p Part) temp(s stamp) string { return "." + p.name(s) + ".tmp" }

// Set is the files of one report. It is not for concurrent use.
type Set struct {
	folder *Folder
	path   string
	stamp  stamp
	report string
	lock   *flock.Flock
	has    map[Part]bool
}

func (f *Folder) openSet(path string, s stamp, report string) (*Set, error) {
	set := &Set{folder: f, path: path, stamp: s, report: report, has: map[Part]bool{}}
	if err := set.acquire(); err != nil {
		return nil, err
	}
	if err := set.look(); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

func (s *Set) lockPath() string { return s.in("." + s.stamp.String() + ".lock") }

func (s *Set) in(name string) string { return filepath.Join(s.path, name) }

// acquire keeps other processes off this set. Where the file system knows no
// locks the lease of the reporter has to do.
func (s *Set) acquire() error {
	s.lock = flock.New(s.lockPath())
	got, err := s.lock.TryLock()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return explain(s.lockPath(), err)
	case !got:
		return fmt.Errorf("%s: %w", s.in(claimName(s.stamp)), ErrBusy)
	}
	return nil
}

// look notes which files are there and clears away what a broken-off try left.
func (s *Set) look() error {
	stale, err := s.claimTemps()
	if err != nil {
		return err
	}
	for _, part := range Parts() {
		stale = append(stale, s.in(part.temp(s.stamp)))
		info, err := os.Lstat(s.in(part.name(s.stamp)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return explain(s.in(part.name(s.stamp)), err)
		case info.Size() == 0: // a name reserved by publish, never a file of ours
			stale = append(stale, s.in(part.name(s.stamp)))
		default:
			s.has[part] = true
		}
	}
	for _, path := range stale {
		if err := removeIfThere(path); err != nil {
			return explain(path, err)
		}
	}
	return nil
}

// claimTemps are the unfinished claims of this report.
func (s *Set) claimTemps() ([]string, error) {
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, explain(s.path, err)
	}
	var paths []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), claimTempSuffix(s.report)) {
			paths = append(paths, s.in(entry.Name()))
		}
	}
	return paths, nil
}

// Dir is the absolute path of the day's folder.
func (s *Set) Dir() string { return s.path }

// Stamp is the set's second, HHMMSS.
func (s *Set) Stamp() string { return s.stamp.String() }

// Name is the file name of a part.
func (s *Set) Name(p Part) string { return p.name(s.stamp) }

// Has reports whether a part is there, whole.
func (s *Set) Has(p Part) bool { return s.has[p] }

// Complete reports whether the set has all it will ever have.
func (s *Set) Complete() bool { return s.has[Params] }

// Files returns the names of the parts that are there, in the order of [Parts].
func (s *Set) Files() []string {
	var names []string
	for _, part := range Parts() {
		if s.has[part] {
			names = append(names, s.Name(part))
		}
	}
	return names
}

// Open reads a part that is there.
func (s *Set) Open(p Part) (*os.File, error) {
	file, err := os.Open(s.in(s.Name(p)))
	if err != nil {
		return nil, explain(s.in(s.Name(p)), err)
	}
	return file, nil
}

// Close lets others at the set. Its files stay as they are.
func (s *Set) Close() error {
	err := s.lock.Unlock()
	if s.Complete() {
		// Whoever still waits with this lock file open finds the set complete.
		err = errors.Join(err, removeIfThere(s.lockPath()))
	}
	if err != nil {
		return explain(s.lockPath(), err)
	}
	return nil
}

// giveUp removes the files of this set and its claim: somebody else wrote a file
// at the same second.
func (s *Set) giveUp() error {
	var paths []string
	for _, part := range slices.Backward(Parts()) {
		if s.has[part] {
			paths = append(paths, s.in(s.Name(part)))
		}
	}
	for _, path := range append(paths, s.in(claimName(s.stamp)), s.lockPath()) {
		if err := s.folder.before("give up " + filepath.Base(path)); err != nil {
			return err
		}
		if err := removeIfThere(path); err != nil {
			return explain(path, err)
		}
	}
	clear(s.has)
	return nil
}
