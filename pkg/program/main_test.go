package program

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

// asChild makes the test binary a program that waits for signals.
const asChild = "FAULTWIRE_TEST_PROGRAM_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		waitForSignals()
		return
	}
	testkit.Main(m)
}

// waitForSignals says what it has seen and ignores it, as a stop that hangs does.
// It ends with its stdin, so that no test can leave it behind.
func waitForSignals() {
	ctx, stop := Signals(context.Background())
	defer stop()
	go func() {
		<-ctx.Done()
		fmt.Println("stopping")
	}()
	fmt.Println("started")
	bufio.NewScanner(os.Stdin).Scan()
}
