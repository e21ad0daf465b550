package pgtemp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
)

// installation is one set of PostgreSQL server binaries.
type installation struct {
	bin     string // folder of postgres and initdb
	version string // "15.18"
	major   int
	cache   string // the cache folder it was downloaded to, or empty
}

func (i installation) path(program string) string {
	return filepath.Join(i.bin, executable(program))
}

// locate returns the binaries that cfg asks for: installed ones first, else a
// download.
func locate(ctx context.Context, cfg Config, who *account) (installation, error) {
	if found, ok := newest(installed(ctx, who), cfg.Major); ok {
		return found, nil
	}
	if ctx.Err() != nil { // the search just ended early
		return installation{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	major := cfg.Major
	if major == 0 {
		major = DownloadMajor
	}
	return download(ctx, cfg, who, major)
}

// newest picks the newest installation of the major, or of any from MinMajor on
// when major is 0.
func newest(all []installation, major int) (installation, bool) {
	var best installation
	for _, i := range all {
		fits := i.major == major || major == 0 && i.major >= MinMajor
		if fits && i.major > best.major {
			best = i
		}
	}
	return best, best.major != 0
}

// installed looks where packages put PostgreSQL servers.
func installed(ctx context.Context, who *account) []installation {
	var bins []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		bins = append(bins, string(trimLine(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		bins = append(bins, filepath.Dir(path))
	}
	for _, pattern := range packagePatterns() {
		if dirs, err := filepath.Glob(pattern); err == nil {
			bins = append(bins, dirs...)
		}
	}
	var all []installation
	seen := map[string]bool{}
	for _, bin := range bins {
		if real, err := filepath.EvalSymlinks(bin); err == nil {
			bin = real
		}
		if seen[bin] || who != nil && who.reach(bin) != nil {
			continue
		}
		seen[bin] = true
		if found, err := inspect(ctx, bin); err == nil {
			all = append(all, found)
		}
	}
	return all
}

// packagePatterns are the folders of server binaries by packager: Debian, RHEL,
// Alpine, Homebrew, Postgres.app, EnterpriseDB's installer.
func packagePatterns() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{`C:\Program Files\PostgreSQL\*\bin`}
	case "darwin":
		return []string{
			"/opt/homebrew/opt/postgresql@*/bin",
			"/usr/local/opt/postgresql@*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		}
	default:
		return []string{
			"/usr/lib/postgresql/*/bin",
			"/usr/pgsql-*/bin",
			"/usr/libexec/postgresql*",
		}
	}
}

// inspect asks the binaries in a folder for their version.
func inspect(ctx context.Context, bin string) (installation, error) {
	i := installation{bin: bin}
	if _, err := os.Stat(i.path("initdb")); err != nil {
		return i, fmt.Errorf("look for initdb: %w", err)
	}
	out, err := exec.CommandContext(ctx, i.path("postgres"), "-V").Output()
	if err != nil {
		return i, fmt.Errorf("ask %s for its version: %w", i.path("postgres"), err)
	}
	i.version, i.major, err = parseVersion(string(out))
	return i, err
}

// parseVersion reads what `postgres -V` prints, as
// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 19beta1".
func parseVersion(line string) (version string, major int, err error) {
	m := regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s]*)`).FindStringSubmatch(line)
	if m == nil {
		return "", 0, fmt.Errorf("read the version of postgres from %q: %w", line, errNoVersion)
	}
	major, err = strconv.Atoi(m[2])
	if err != nil {
		return "", 0, fmt.Errorf("read the version of postgres from %q: %w", line, err)
	}
	return m[1], major, nil
}

var errNoVersion = errors.New("no version in it")

func trimLine(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

func executable(program string) string {
	if runtime.GOOS == "windows" {
		return program + ".exe"
	}
	return program
}
