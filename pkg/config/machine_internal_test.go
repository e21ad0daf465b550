package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMachineZone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, tz, link, timezone string
		set                      bool
		want                     string
	}{
		{"TZ", "Asia/Shanghai", "", "", true, "Asia/Shanghai"},
		{"TZ with colon", ":Europe/Berlin", "", "", true, "Europe/Berlin"},
		{"TZ as path", "/usr/share/zoneinfo/America/New_York", "", "", true, "America/New_York"},
		{"TZ empty is UTC", "", "/usr/share/zoneinfo/Asia/Tokyo", "", true, "UTC"},
		{"TZ that is a rule", "CST-8", "/usr/share/zoneinfo/Asia/Shanghai", "", true, "Asia/Shanghai"},
		{"TZ Local", "Local", "", "", true, "UTC"},
		{"link", "", "/usr/share/zoneinfo/Asia/Tokyo", "", false, "Asia/Tokyo"},
		{"relative link", "", "../usr/share/zoneinfo/posix/Asia/Tokyo", "", false, "Asia/Tokyo"},
		{"macOS", "", "/var/db/timezone/zoneinfo/Asia/Shanghai", "", false, "Asia/Shanghai"},
		{"Debian", "", "", "Europe/Paris\n", false, "Europe/Paris"},
		{"link elsewhere", "", "/srv/tz", "Europe/Paris", false, "Europe/Paris"},
		{"hostile", "../../etc/passwd", "/usr/share/zoneinfo/../x", "no zone", true, "UTC"},
		{"nothing", "", "", "", false, "UTC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			etc := t.TempDir()
			if c.link != "" {
				if err := os.Symlink(c.link, filepath.Join(etc, "localtime")); err != nil {
					t.Fatal(err)
				}
			}
			if c.timezone != "" {
				if err := os.WriteFile(filepath.Join(etc, "timezone"), []byte(c.timezone), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := machineZone(c.tz, c.set, etc); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestStateDir(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goos string
		env  []string
		want string
	}{
		{"linux", []string{"HOME=/h"}, "/h/.local/state/faultwire"},
		{"linux", []string{"HOME=/h", "XDG_STATE_HOME=/s"}, "/s/faultwire"},
		{"linux", []string{"HOME=/h", "XDG_STATE_HOME=relative"}, "/h/.local/state/faultwire"},
		{"darwin", []string{"HOME=/h", "XDG_STATE_HOME=/s"}, "/h/Library/Application Support/faultwire"},
		{"windows", []string{"LocalAppData=/l"}, "/l/faultwire"},
		{"linux", nil, ""},
		{"windows", nil, ""},
	} {
		if got := (Options{Environ: c.env}).stateDir(c.goos); got != filepath.FromSlash(c.want) {
			t.Errorf("%s, %v: got %q, want %q", c.goos, c.env, got, c.want)
		}
	}
}

// Every setting has a place of its own, a variable of its own and words.
func TestTable(t *testing.T) {
	t.Parallel()
	var s Settings
	places, names := map[any]string{}, map[string]string{}
	for _, f := range fields() {
		at := f.at(&s)
		if other, taken := places[at]; taken {
			t.Errorf("%s and %s have one place", f.path, other)
		}
		if other, taken := names[f.env()]; taken {
			t.Errorf("%s and %s have one variable", f.path, other)
		}
		places[at], names[f.env()] = f.path, f.path
		if f.help == "" {
			t.Errorf("%s has no help", f.path)
		}
	}
}
