package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

const (
	lockName = "faultwire.lock"
	pidName  = "faultwire.pid" // apart from the lock, which Windows lets nobody read
)

// storeLock is the exclusive use of a store folder. The system frees it when the
// process dies.
type storeLock struct {
	dir  string
	lock *flock.Flock
	free func() error // unlocks, the first time only
}

// lockStore makes the folder and locks it.
func lockStore(dir string) (*storeLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("nats.store_dir (FAULTWIRE_NATS_STORE_DIR): %w", err)
	}
	l := &storeLock{dir: dir, lock: flock.New(filepath.Join(dir, lockName))}
	l.free = sync.OnceValue(l.unlock)
	ok, err := l.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("nats.store_dir (FAULTWIRE_NATS_STORE_DIR): lock %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("nats.store_dir: %s is %w (pid %s); stop it or set nats.store_dir (FAULTWIRE_NATS_STORE_DIR)",
			dir, ErrLocked, l.holder())
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := os.WriteFile(filepath.Join(dir, pidName), []byte(pid), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("nats.store_dir (FAULTWIRE_NATS_STORE_DIR): %w", err), l.lock.Unlock())
	}
	return l, nil
}

// holder is the process id of who holds the lock, as far as it is known.
func (l *storeLock) holder() string {
	b, err := os.ReadFile(filepath.Join(l.dir, pidName))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

// release frees the folder; a second call does nothing, since somebody else may
// have the lock by then.
func (l *storeLock) release() error { return l.free() }

// unlock leaves the lock file: removing it would let two processes lock two
// files of the same name.
func (l *storeLock) unlock() error {
	_ = os.Remove(filepath.Join(l.dir, pidName)) // only a hint for messages
	if err := l.lock.Unlock(); err != nil {
		return fmt.Errorf("unlock %s: %w", l.dir, err)
	}
	return nil
}
