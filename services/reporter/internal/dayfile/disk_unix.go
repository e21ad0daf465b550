//go:build unix

package dayfile

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// moveNew links the new name and unlinks the old one: rename(2) would replace a
// file of that name. errCannotMove says that nothing happened, because the file
// system has no links.
func moveNew(f *Folder, temp, final string) error {
	if err := os.Link(temp, final); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			err = errCannotMove
		}
		return err
	}
	if err := f.before("unlink the temporary name of " + filepath.Base(final)); err != nil {
		return err
	}
	return os.Remove(temp)
}

// syncFolder makes names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system that syncs folders by itself, or never
	}
	return errors.Join(err, folder.Close())
}

// access says who runs this and whose folder it is.
func access(info fs.FileInfo) (uid int, owner string) {
	uid = os.Geteuid()
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return uid, ""
	}
	owner = strconv.FormatUint(uint64(stat.Uid), 10)
	if account, err := user.LookupId(owner); err == nil {
		owner = account.Username
	}
	return uid, owner
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
