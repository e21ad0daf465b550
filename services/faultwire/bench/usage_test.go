//go:build linux

package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

// cpuOf is the CPU time of a process so far; 0 when there is none.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold blanks. utime and stime are fields 14 and 15,
	// and 3 is the first behind it ("proc(5)").
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return time.Duration(field(fields, 14-3)+field(fields, 15-3)) * tick
}

func field(fields [][]byte, i int) int {
	n, _ := strconv.Atoi(string(fields[i]))
	return n
}

// peakOf is the most memory that a process had at once, in bytes, shared pages of
// its program included.
func peakOf(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			return field(bytes.Fields(rest), 0) << 10
		}
	}
	return 0
}
