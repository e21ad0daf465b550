//go:build windows

package dayfile

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/windows"
)

// moveNew renames without replacing and returns when the disk has it.
func moveNew(_ *Folder, temp, final string) error {
	from, err := windows.UTF16PtrFromString(temp)
	if err != nil {
		return err
	}
	to, err := windows.UTF16PtrFromString(final)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(from, to, windows.MOVEFILE_WRITE_THROUGH)
}

// syncFolder does nothing: NTFS journals names, and a folder has no handle that
// could be flushed.
func syncFolder(string) error { return nil }

// access knows no uid on Windows.
func access(fs.FileInfo) (uid int, owner string) { return -1, "" }

func isDiskFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }

func isReadOnly(err error) bool { return errors.Is(err, syscall.Errno(windows.ERROR_WRITE_PROTECT)) }
