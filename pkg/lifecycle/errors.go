package lifecycle

import "errors"

// ErrStopTimeout is returned by [Group.Run], named with the services in question,
// when some had not ended within the group's stop timeout.
var ErrStopTimeout = errors.New("still running after the stop timeout")
