package pgtemp

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// MinMajor is the oldest major chosen when Config.Major is 0: row filters
	// of publications exist from PostgreSQL 15 on.
	MinMajor = 15
	// DownloadMajor is the major downloaded when Config.Major is 0 and nothing
	// suitable is installed.
	DownloadMajor = 17

	defaultRepository = "https://repo1.maven.org/maven2"
)

// Config says which server to run and where. Its zero value is usable.
type Config struct {
	// Major is the PostgreSQL major version, 14 to 18 where it has to be
	// downloaded. 0 means any: the newest installed one from MinMajor on, else
	// DownloadMajor.
	Major int
	// Dir is the folder for the server's data and log; it is created when
	// missing and may not hold another server's data. Empty means a new folder
	// under os.TempDir. Close removes what the server put there, and the folder
	// itself when it was made by Start. As root every folder above it must be
	// open to other users (mode o+x), because PostgreSQL refuses to run as root.
	Dir string
	// CacheDir keeps downloads. Empty means DefaultCacheDir.
	CacheDir string
	// Repository is the base URL of the Maven repository to download from.
	// Empty means Maven Central.
	Repository string
	// Settings are postgresql.conf settings over the defaults of this package
	// (see defaultSettings). Durability is PostgreSQL's own (fsync = on) unless
	// switched off here.
	Settings map[string]string
	// Files are written into the server's data folder before it starts, by name, to
	// be read by it alone: pg_hba.conf, a certificate and its key.
	Files map[string][]byte
	// Log receives one line for each step that takes a while; nil means silence.
	Log func(line string)
}

func (c Config) log(format string, args ...any) {
	if c.Log != nil {
		c.Log(fmt.Sprintf(format, args...))
	}
}

// DefaultCacheDir is the folder that downloads are kept in: faultwire/postgres
// below the user's cache folder. As root it is /var/cache/faultwire/postgres
// when the user's cache folder is closed to other users, since the binaries
// then run under another user.
func DefaultCacheDir() (string, error) {
	who, err := serverAccount()
	if err != nil {
		return "", err
	}
	base, err := os.UserCacheDir()
	if who == nil {
		if err != nil {
			return "", fmt.Errorf("find the cache folder: %w", err)
		}
		return filepath.Join(base, "faultwire", "postgres"), nil
	}
	if err != nil || who.reach(base) != nil {
		base = "/var/cache"
	}
	return filepath.Join(base, "faultwire", "postgres"), nil
}

// defaultSettings are postgresql.conf settings of every server. The numbers are
// for many short tests on one small machine.
func defaultSettings() map[string]string {
	return map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"wal_level":               "logical",
		"max_wal_senders":         "20",
		"max_replication_slots":   "40",
		"max_connections":         "100",
		"shared_buffers":          "32MB",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"lc_messages":             "C",
	}
}
