package pgtemp

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by Stop and Restart after Close.
var ErrClosed = errors.New("pgtemp: the server was closed")

// UnavailableError says why no server could be had, and the one command that
// changes that on this machine.
type UnavailableError struct {
	Cause error
	Run   string
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("postgres for the demo: %v; run: %s", e.Cause, e.Run)
}

func (e *UnavailableError) Unwrap() error { return e.Cause }
