package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// etc is where Unix keeps the machine's zone: localtime, normally a link into the
// zone database, and on Debian timezone, which holds its name.
const etc = "/etc"

// machineZone returns the IANA name of the machine's zone, from TZ or from the
// files in etc, else UTC. Go's own "Local" names no zone: in a file or a message
// it means another one on each machine. A TZ that is a rule (CST-8) has no name
// either.
func machineZone(tz string, tzSet bool, etc string) string {
	if tzSet {
		tz = strings.TrimPrefix(tz, ":")
		if tz == "" {
			return "UTC" // as the C library and Go have it
		}
		if zone := zoneName(tz); zone != "" {
			return zone
		}
	}
	// The link itself first: the zone it names may be a link to another name.
	localtime := filepath.Join(etc, "localtime")
	for _, read := range []func(string) (string, error){os.Readlink, filepath.EvalSymlinks} {
		if target, err := read(localtime); err == nil {
			if zone := zoneName(filepath.ToSlash(target)); zone != "" {
				return zone
			}
		}
	}
	if text, err := readAtMost(filepath.Join(etc, "timezone"), 256); err == nil {
		if zone := zoneName(strings.TrimSpace(string(text))); zone != "" {
			return zone
		}
	}
	return "UTC"
}

// zoneName returns the IANA name in a name or in a path such as
// /usr/share/zoneinfo/Asia/Shanghai, or "".
func zoneName(text string) string {
	if _, below, found := strings.Cut(text, "zoneinfo/"); found {
		text = below
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "posix/"), "right/")
	if !isZone(text) {
		return ""
	}
	return text
}

func isZone(text string) bool {
	if text == "" || text == "Local" {
		return false
	}
	_, err := time.LoadLocation(text)
	return err == nil
}
