package ingest_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(childVariable); settings != "" {
		if err := beChild(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// These tests wait for servers most of the time: more of them at once than there
	// are cores, unless -parallel says otherwise.
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if !set {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	testkit.Main(m)
}
