package pgtemp

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/xi2/xz"
)

var (
	errNoArchive = errors.New("no .txz archive in it")
	errOutside   = errors.New("it leads out of the folder")
)

// unpackJar unpacks the one .txz archive inside a jar into a new folder.
func unpackJar(ctx context.Context, jar, target string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("open the download: %w", err)
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".txz") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("open the download: %w", err)
		}
		err = unpackTxz(ctx, r, target)
		return errors.Join(err, r.Close())
	}
	return fmt.Errorf("open the download: %w", errNoArchive)
}

// unpackTxz unpacks into a new folder and lets nothing out of it. Everybody may
// read and enter what it makes, whatever the umask: as root the server runs
// under another user.
func unpackTxz(ctx context.Context, r io.Reader, target string) error {
	if err := os.Mkdir(target, 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := root.Chmod(".", 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	plain, err := xz.NewReader(r, 0)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	archive := tar.NewReader(plain)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackEntry(root, header, archive)
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
}

func unpackEntry(root *os.Root, header *tar.Header, content io.Reader) error {
	name := path.Clean(header.Name)
	if !filepath.IsLocal(name) {
		return fmt.Errorf("entry %q: %w", header.Name, errOutside)
	}
	if err := makeFolders(root, path.Dir(name)); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return makeFolders(root, name)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(header.Linkname), name)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if header.Mode&0o100 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close(), root.Chmod(name, mode))
	}
	return nil // devices and the like have no place in a PostgreSQL build
}

func makeFolders(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if info, err := root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeFolders(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return root.Chmod(dir, 0o755)
}
