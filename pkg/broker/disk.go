package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	maxBytesCeiling = 4 << 30 // bytes
	maxBytesShare   = 5       // one fifth of the free disk
)

// DefaultMaxBytes is the size for the log of failures when none is set: 4 GiB,
// or 20 % of the disk space free below dir if that is less, in bytes. dir need
// not exist yet.
func DefaultMaxBytes(dir string) (int64, error) {
	free, err := FreeDisk(dir)
	if err != nil {
		return 0, err
	}
	return min(maxBytesCeiling, free/maxBytesShare), nil
}

// FreeDisk is the space, in bytes, that this user may still write on the disk
// of dir, or of its nearest parent that exists.
func FreeDisk(dir string) (int64, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return 0, fmt.Errorf("free disk space of %s: %w", dir, err)
	}
	for {
		_, err := os.Stat(abs)
		if err == nil {
			break
		}
		parent := filepath.Dir(abs)
		if !errors.Is(err, fs.ErrNotExist) || parent == abs {
			return 0, fmt.Errorf("free disk space of %s: %w", dir, err)
		}
		abs = parent
	}
	free, err := freeDisk(abs)
	if err != nil {
		return 0, fmt.Errorf("free disk space of %s: %w", dir, err)
	}
	return free, nil
}
