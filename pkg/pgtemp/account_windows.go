package pgtemp

import (
	"os/exec"
	"syscall"
)

// account is only needed on Unix; on Windows it is always nil.
type account struct{}

func serverAccount() (*account, error) { return nil, nil }

func (*account) own(string) error { return nil }

func (*account) reach(string) error { return nil }

// detach puts a command into a process group of its own, so that Ctrl-C reaches
// this process only.
func (*account) detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
