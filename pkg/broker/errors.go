package broker

import "errors"

var (
	// ErrLocked: another process runs a broker on the same folder. Two servers
	// on one folder start without a complaint and destroy it.
	ErrLocked = errors.New("in use by another faultwire")
	// ErrNotReady: the server took no connection in time.
	ErrNotReady = errors.New("the embedded broker is not ready")
	// ErrUnhealthy: JetStream doesn't work, for instance after a full disk.
	ErrUnhealthy = errors.New("the embedded broker is unhealthy")
	// ErrListenAddress: Config.Listen is not a loopback address.
	ErrListenAddress = errors.New("only a loopback address can be listened on without authentication")
	// ErrNotListening: the broker serves its own process only.
	ErrNotListening = errors.New("the embedded broker has no listener")
)
