//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// What may be set in the environment.
const (
	rowsVariable    = "FAULTWIRE_BENCH_ROWS"    // of the WAL; default: those of mixes
	roundsVariable  = "FAULTWIRE_BENCH_ROUNDS"  // default 3
	profileVariable = "FAULTWIRE_BENCH_PROFILE" // a folder for ingest's CPU and heap profiles
)

// TestMain is also the main of the process that is measured: this program, started
// again with an order.
func TestMain(m *testing.M) {
	if text := os.Getenv(orderVariable); text != "" {
		if err := ingestMain(text); err != nil {
			fmt.Fprintln(os.Stderr, "ingest under measurement:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	testkit.Main(m)
}

func number(b testing.TB, variable string, byDefault int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q is no number above 0", variable, text)
	}
	return n
}
