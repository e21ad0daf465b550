package dayfile

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const bufferSize = 64 << 10 // bytes

// File is a part being written. It appears under its name at [File.Commit], with
// all its content on disk, or never.
type File struct {
	set    *Set
	part   Part
	temp   string
	file   *os.File
	buffer *bufio.Writer
	done   bool
}

// Create begins a part that the set doesn't have. The caller ends it with Commit
// or gives it up with Close.
func (s *Set) Create(p Part) (*File, error) {
	if s.has[p] {
		return nil, fmt.Errorf("%s: %w", s.in(s.Name(p)), fs.ErrExist)
	}
	if err := s.folder.before("create " + string(p)); err != nil {
		return nil, err
	}
	temp := s.in(p.temp(s.stamp))
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, explain(temp, err)
	}
	return &File{set: s, part: p, temp: temp, file: file, buffer: bufio.NewWriterSize(file, bufferSize)}, nil
}

// Write implements [io.Writer].
func (f *File) Write(b []byte) (int, error) {
	n, err := f.buffer.Write(b)
	if err != nil {
		return n, explain(f.temp, err)
	}
	return n, nil
}

// Commit makes what was written durable and gives it its name. When another tool
// wrote a file of that name meanwhile, the whole set is given up and the error is
// ErrTaken: claim anew. After any error nothing of this part is left.
func (f *File) Commit() error {
	err := f.finish()
	if err == nil {
		err = f.set.folder.publish(f.temp, f.path())
	}
	f.done = true
	if errors.Is(err, fs.ErrExist) {
		err = errors.Join(fmt.Errorf("%s: %w", f.path(), ErrTaken), removeIfThere(f.temp), f.set.giveUp())
		return err
	}
	if err != nil {
		return errors.Join(explain(f.path(), err), removeIfThere(f.temp))
	}
	f.set.has[f.part] = true
	if err := f.set.folder.before("sync the folder of " + string(f.part)); err != nil {
		return err
	}
	if err := syncFolder(f.set.path); err != nil {
		return explain(f.set.path, err)
	}
	return nil
}

func (f *File) path() string { return f.set.in(f.set.Name(f.part)) }

// finish brings the content to disk and closes the file.
func (f *File) finish() error {
	err := f.set.folder.before("write out " + string(f.part))
	if err == nil {
		err = f.buffer.Flush()
	}
	if err == nil {
		err = f.set.folder.before("sync " + string(f.part))
	}
	if err == nil {
		err = f.file.Sync()
	}
	return errors.Join(err, f.file.Close())
}

// Close gives up what was not committed and removes it. It may be called again and
// after Commit, so that it can be deferred.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	if err := errors.Join(f.file.Close(), removeIfThere(f.temp)); err != nil {
		return explain(f.temp, err)
	}
	return nil
}
