package pgtemp

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// installCommand is the one command that installs a PostgreSQL server on this
// machine.
func installCommand(major int) string {
	if major == 0 {
		major = DownloadMajor
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
		{"apt-get", "apt-get install -y postgresql"},
		{"dnf", "dnf install -y postgresql-server"},
		{"apk", "apk add postgresql"},
		{"pacman", "pacman -S --noconfirm postgresql"},
		{"zypper", "zypper install -y postgresql-server"},
	} {
		if _, err := exec.LookPath(manager.program); err == nil {
			return sudo + manager.command
		}
	}
	return sudo + "apt-get install -y postgresql"
}
