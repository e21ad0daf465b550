package program

import "errors"

// Errors of [Connect] and [Ensure]. Their texts name the setting and the remedy.
var (
	// ErrNoNATS: no server answered within the patience of a start.
	ErrNoNATS = errors.New("no NATS server answers")
	// ErrRefused: the server refused us, which waiting doesn't mend.
	ErrRefused = errors.New("the NATS server refuses us")
	// ErrNoJetStream: the server, or our account on it, has no JetStream.
	ErrNoJetStream = errors.New("the NATS server has no JetStream")
	// errNotReady: see /readyz.
	errNotReady = errors.New("not ready")
)
