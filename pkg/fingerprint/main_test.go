package fingerprint

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// update rewrites testdata: the golden kinds, and the rows when ../shared is there.
var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}
