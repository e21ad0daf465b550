package pgtemp

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"
)

// guard is a job object that ends its processes when its last handle closes,
// which happens when this process dies.
type guard struct {
	job windows.Handle
}

func newGuard(*account, string) (*guard, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a job object for the server: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
		},
	}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		_ = windows.CloseHandle(job)
		return nil, fmt.Errorf("set up a job object for the server: %w", err)
	}
	return &guard{job: job}, nil
}

// protect puts the server into the job; what the server starts later inherits it.
func (g *guard) protect(p *os.Process) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return fmt.Errorf("open the server's process: %w", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if err := windows.AssignProcessToJobObject(g.job, h); err != nil {
		return fmt.Errorf("put the server into its job object: %w", err)
	}
	return nil
}

func (g *guard) release() { _ = windows.CloseHandle(g.job) }

// signal asks the server to stop. Windows has no signals; pg_ctl knows
// PostgreSQL's own replacement for them.
func signal(i installation, p *os.Process, mode StopMode) error {
	name := "INT"
	if mode == Immediate {
		name = "QUIT"
	}
	if out, err := exec.Command(i.path("pg_ctl"), "kill", name, strconv.Itoa(p.Pid)).CombinedOutput(); err != nil {
		return fmt.Errorf("stop the server: %w: %s", err, trimLine(out))
	}
	return nil
}
