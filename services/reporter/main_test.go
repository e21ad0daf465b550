package reporter_test

import (
	"os"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		runChild(url, os.Getenv(childDir))
		return
	}
	testkit.Main(m)
}
