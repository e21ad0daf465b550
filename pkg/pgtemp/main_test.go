package pgtemp

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVariable makes the test binary start a server, say where, and stop it
// when its input ends: tests kill it, or run it as another user.
const (
	childVariable = "FAULTWIRE_PGTEMP_CHILD"
	cacheVariable = "FAULTWIRE_PGTEMP_CACHE"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child() error {
	s, err := Start(context.Background(), Config{CacheDir: os.Getenv(cacheVariable)})
	if err != nil {
		return err
	}
	fmt.Println(s.Port(), s.dir)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}
