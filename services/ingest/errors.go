package ingest

import (
	"errors"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

// IsSettings reports whether err is a fault of the settings, ours or the
// database's, which no retry mends: exit code 2. Its text names the remedy.
func IsSettings(err error) bool {
	_, faults := errors.AsType[config.Faults](err)
	return faults || postgres.IsSettings(err) || errors.Is(err, errEmpty)
}

var errEmpty = errors.New("empty: leave it out for its default")

// How a session can't begin, for the time being.
var (
	errStandby = errors.New("another process follows the slot")
	errGone    = errors.New("the slot or the publication is gone")
	errPolled  = errors.New("the table is polled")
	errLater   = errors.New("what is missing comes first")
)
