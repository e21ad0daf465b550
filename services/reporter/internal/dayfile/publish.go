package dayfile

import (
	"errors"
	"os"
	"path/filepath"
)

// errCannotMove is moveNew's: the file system can't do it in one step.
var errCannotMove = errors.New("no way to rename without replacing")

// publish gives a finished file its final name, never over an existing file: that
// is an error that is fs.ErrExist.
func (f *Folder) publish(temp, final string) error {
	if err := f.before("name " + filepath.Base(final)); err != nil {
		return err
	}
	err := moveNew(f, temp, final)
	if errors.Is(err, errCannotMove) {
		return f.publishReserved(temp, final)
	}
	return err
}

// publishReserved is for file systems that can't do it in one step (no hard
// links): an empty file takes the name, the finished one replaces it. One left
// empty by a crash counts as absent.
func (f *Folder) publishReserved(temp, final string) error {
	file, err := os.OpenFile(final, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return errors.Join(err, os.Remove(final))
	}
	if err := f.before("replace the reserved " + filepath.Base(final)); err != nil {
		return errors.Join(err, os.Remove(final))
	}
	if err := os.Rename(temp, final); err != nil {
		return errors.Join(err, os.Remove(final))
	}
	return nil
}
