// Package dayfile keeps the output folder: one folder a day, and in it sets of
// dated files that appear whole or not at all and are never changed afterwards.
// It is the only code that touches that folder.
//
// A set is named by a second (HHMMSS). The second is claimed by a hidden file
// .HHMMSS.claim that holds the report's id and stays beside the set, so that a
// report that is written again after a crash finds its own name and the files
// it already has. A second that another report claimed, or at which anybody
// else wrote a file (the tool this one replaces uses the same names), is never
// used: the next free one is. Sets of different processes, a replay beside a
// running service for instance, therefore share a folder.
package dayfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	dayLayout  = "2006-01-02"
	folderMode = 0o755 // before umask
	fileMode   = 0o644 // before umask
)

// Folder is the output folder.
type Folder struct {
	dir string // absolute
	// step is called before every change of the disk; tests break off there.
	step func(name string) error
}

// Open makes the folder when it is missing and checks that files can be written
// to it. An error names output.dir and what to do.
func Open(dir string) (*Folder, error) {
	if err := Check(dir); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, explain(dir, err)
	}
	return &Folder{dir: abs}, nil
}

// Check makes the folder when it is missing and writes a file there, which it
// removes. An error names output.dir and what to do.
func Check(dir string) error {
	if dir == "" {
		return ErrNoFolder
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return explainMissing(dir, err)
	}
	file, err := os.CreateTemp(dir, ".faultwire-check-*")
	if err != nil {
		return explain(dir, err)
	}
	_, err = file.WriteString("this folder can be written\n")
	err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	if err != nil {
		return explain(dir, err)
	}
	return nil
}

// Dir is the absolute path of the folder.
func (f *Folder) Dir() string { return f.dir }

// Claim returns the set of a report, new or as an earlier try left it. at names
// it: the day of its folder, the second of its files, in at's own time zone.
// When that second is taken the next free one of the day is used, past 23:59:59
// the last free one before it; a day with no second left is ErrDayFull. The set
// is locked until it is closed: ErrBusy means another process writes it now.
func (f *Folder) Claim(report string, at time.Time) (*Set, error) {
	path := filepath.Join(f.dir, at.Format(dayLayout))
	if err := f.makeDay(path); err != nil {
		return nil, err
	}
	for {
		day, err := readDay(path)
		if err != nil {
			return nil, err
		}
		stamp, found, err := day.find(report)
		if err != nil {
			return nil, err
		}
		if !found {
			if stamp, err = day.free(at); err != nil {
				return nil, err
			}
			err = f.writeClaim(path, stamp, report)
			if errors.Is(err, fs.ErrExist) {
				continue // somebody else was faster, perhaps with this very report
			}
			if err != nil {
				return nil, err
			}
		}
		return f.openSet(path, stamp, report)
	}
}

func (f *Folder) makeDay(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if err := f.before("make the day's folder"); err != nil {
		return err
	}
	if err := os.MkdirAll(path, folderMode); err != nil {
		return explain(path, err)
	}
	if err := f.before("sync the output folder"); err != nil {
		return err
	}
	if err := syncFolder(f.dir); err != nil {
		return explain(f.dir, err)
	}
	return nil
}

func (f *Folder) before(step string) error {
	if f.step == nil {
		return nil
	}
	if err := f.step(step); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}
