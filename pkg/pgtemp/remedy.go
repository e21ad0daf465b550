package pgtemp

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// installCommand is the one command that installs a PostgreSQL server on this
// machine, of the major version asked for where packages are named by it.
func installCommand(major int) string {
	suffix := "" // the distribution's own choice
	if major == 0 {
		major = DownloadMajor
	} else {
		suffix = strconv.Itoa(major)
	}
	switch runtime.GOOS {
	case "darwin":
		return "brew install postgresql@" + strconv.Itoa(major)
	case "windows":
		return "winget install PostgreSQL.PostgreSQL." + strconv.Itoa(major)
	}
	sudo := "sudo "
	if os.Geteuid() == 0 {
		sudo = ""
	}
	for _, manager := range []struct{ program, command string }{
		{"apt-get", "apt-get install -y " + dashed("postgresql", suffix)},
		{"dnf", "dnf install -y postgresql-server"},
		{"apk", "apk add postgresql" + suffix},
		{"pacman", "pacman -S --noconfirm postgresql"},
		{"zypper", "zypper install -y postgresql-server"},
	} {
		if _, err := exec.LookPath(manager.program); err == nil {
			return sudo + manager.command
		}
	}
	return sudo + "apt-get install -y " + dashed("postgresql", suffix)
}

func dashed(name, suffix string) string {
	if suffix == "" {
		return name
	}
	return name + "-" + suffix
}
