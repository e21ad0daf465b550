package telemetry

import "errors"

// ErrNoAddress is returned by [Listen] for an empty address, which would mean any
// port on all interfaces.
var ErrNoAddress = errors.New("the address is empty: give host:port, like 127.0.0.1:9464")

var errNoAnswer = errors.New("no answer within 3 s")
