package program

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage may pile up, in percent of what is in use. Go's
// default of 100 costs a fifth more memory in a storm and saves no CPU; 50 saves a
// tenth of the memory and costs a tenth of CPU (docs/benchmarks.md).
const gcPercent = 75

// SaveMemory sets the garbage collector, unless GOGC does.
func SaveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
