package dayfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// stamp is a second of the day, as file names write it.
type stamp int

func stampOf(t time.Time) stamp { return stamp((t.Hour()*60+t.Minute())*60 + t.Second()) }

func (s stamp) String() string { return fmt.Sprintf("%02d%02d%02d", s/3600, s/60%60, s%60) }

func claimName(s stamp) string { return "." + s.String() + ".claim" }

// claimTemp is the unfinished claim of one report: whoever writes that report
// again removes it.
func claimTemp(s stamp, report string) string { return claimName(s) + claimTempSuffix(report) }

func claimTempSuffix(report string) string {
	sum := sha256.Sum256([]byte(report))
	return "." + hex.EncodeToString(sum[:8]) + ".tmp"
}

// day is what lies in the folder of a day.
type day struct {
	path   string
	claims []string        // seconds, rising
	taken  map[string]bool // seconds at which there is a claim or anybody's file
}

func readDay(path string) (*day, error) {
	// A claim is .HHMMSS.claim; whatever ends in _HHMMSS.json or .txt is a file of
	// some set, of this release or any other tool.
	names := regexp.MustCompile(`^(?:\.(\d{6})\.claim|.+_(\d{6})\.(?:json|txt))$`)
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, explain(path, err)
	}
	d := &day{path: path, taken: map[string]bool{}}
	for _, entry := range entries {
		match := names.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		if match[1] != "" {
			d.claims = append(d.claims, match[1])
		}
		d.taken[match[1]+match[2]] = true
	}
	slices.Sort(d.claims)
	return d, nil
}

// find looks for the claim of a report.
func (d *day) find(report string) (stamp, bool, error) {
	for _, second := range d.claims {
		path := filepath.Join(d.path, "."+second+".claim")
		holder, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // given up just now
		}
		if err != nil {
			return 0, false, explain(path, err)
		}
		if strings.TrimSuffix(string(holder), "\n") != report {
			continue
		}
		at, err := time.Parse("150405", second)
		if err != nil {
			continue // 996199: no second, so nobody's claim of ours
		}
		return stampOf(at), true, nil
	}
	return 0, false, nil
}

// free returns the first free second from at on, else the last one before it.
func (d *day) free(at time.Time) (stamp, error) {
	want := stampOf(at)
	for s := want; s < secondsPerDay; s++ {
		if !d.taken[s.String()] {
			return s, nil
		}
	}
	for s := want - 1; s >= 0; s-- {
		if !d.taken[s.String()] {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%s: %w", d.path, ErrDayFull)
}

// writeClaim takes a second for a report. An error that is fs.ErrExist says that
// it was taken meanwhile.
func (f *Folder) writeClaim(path string, s stamp, report string) error {
	if err := f.before("write the claim"); err != nil {
		return err
	}
	temp, final := filepath.Join(path, claimTemp(s, report)), filepath.Join(path, claimName(s))
	err := writeSynced(temp, report+"\n")
	if err == nil {
		err = f.publish(temp, final)
	}
	if err != nil {
		return explain(final, errors.Join(err, removeIfThere(temp)))
	}
	if err := f.before("sync the claim"); err != nil {
		return err
	}
	if err := syncFolder(path); err != nil {
		return explain(path, err)
	}
	return nil
}

func writeSynced(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	if _, err = file.WriteString(text); err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
