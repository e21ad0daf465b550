package config

import (
	"path/filepath"
	"runtime"
	"strings"
)

// in makes path absolute: ~/ is the user's home, a relative one is in the
// working folder.
func (o Options) in(path string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found {
		if home := o.home(); home != "" {
			path = filepath.Join(home, rest)
		}
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	abs, err := filepath.Abs(filepath.Join(o.Dir, path))
	if err != nil { // there is no working folder any more: the path is all there is
		return path
	}
	return abs
}

func (o Options) home() string {
	if runtime.GOOS == "windows" {
		return o.getenv("USERPROFILE")
	}
	return o.getenv("HOME")
}

// stateDir is where a program of this user keeps its data on this system, or ""
// when the user has no home.
func (o Options) stateDir(goos string) string {
	base := ""
	switch goos {
	case "windows":
		base = o.getenv("LocalAppData")
	case "darwin":
		base = under(o.home(), "Library/Application Support")
	default:
		// "All paths must be absolute. If [one is] relative, consider [it] invalid
		// and ignore it" (XDG Base Directory Specification).
		if base = o.getenv("XDG_STATE_HOME"); !filepath.IsAbs(base) {
			base = under(o.home(), ".local/state")
		}
	}
	return under(base, "faultwire")
}

func under(base, rest string) string {
	if base == "" {
		return ""
	}
	return filepath.Join(base, filepath.FromSlash(rest))
}
