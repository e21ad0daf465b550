package pgtemp

import (
	"testing"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct {
		version string
		major   int
	}{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": {"15.18", 15},
		"postgres (PostgreSQL) 17.11\n":                          {"17.11", 17},
		"postgres (PostgreSQL) 19beta1":                          {"19beta1", 19},
		"postgres (PostgreSQL) 9.6.24":                           {"9.6.24", 9},
	} {
		version, major, err := parseVersion(line)
		if err != nil || version != want.version || major != want.major {
			t.Errorf("%q: %q, %d, %v; want %q, %d", line, version, major, err, want.version, want.major)
		}
	}
	for _, line := range []string{"", "postgres", "postgres (PostgreSQL) devel"} {
		if version, _, err := parseVersion(line); err == nil {
			t.Errorf("%q: version %q", line, version)
		}
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	all := []installation{{bin: "a", major: 16}, {bin: "b", major: 14}, {bin: "c", major: 18}}
	for major, want := range map[int]string{0: "c", 14: "b", 16: "a", 17: ""} {
		got, ok := newest(all, major)
		if got.bin != want || ok != (want != "") {
			t.Errorf("major %d: %q, %t; want %q", major, got.bin, ok, want)
		}
	}
	if got, ok := newest([]installation{{bin: "b", major: 14}}, 0); ok {
		t.Errorf("any: %q, which knows no row filters", got.bin)
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goos, goarch string
		musl         bool
		want         string
	}{
		{"linux", "amd64", false, "linux-amd64"},
		{"linux", "arm64", false, "linux-arm64v8"},
		{"linux", "amd64", true, "linux-amd64-alpine"},
		{"darwin", "amd64", false, "darwin-amd64"},
		{"darwin", "arm64", false, "darwin-arm64v8"},
		{"windows", "amd64", false, "windows-amd64"},
		{"windows", "arm64", false, "windows-amd64"},
	} {
		if got := platform(c.goos, c.goarch, c.musl); got != c.want {
			t.Errorf("%s/%s musl=%t: %s, want %s", c.goos, c.goarch, c.musl, got, c.want)
		}
	}
}
