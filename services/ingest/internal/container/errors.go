package container

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
)

// Error is a container that can't be found or reached.
type Error struct {
	Problem   string
	Remedy    string
	Permanent bool  // no retry mends it
	Cause     error // may be nil; its text is in Problem
}

func (e *Error) Error() string { return "postgres.container: " + e.Problem + ". " + e.Remedy }

func (e *Error) Unwrap() error { return e.Cause }

var (
	// ErrMalformed: the engine's stream is not made of frames.
	ErrMalformed = errors.New("malformed stream of the Docker Engine")
	// errNoGreeting: something else than the relay answers.
	errNoGreeting = errors.New("the relay did not start")
)

// answer is what the engine says no with.
type answer struct {
	Status  int
	Message string
}

func (a *answer) Error() string { return fmt.Sprintf("%s (%d)", a.Message, a.Status) }

// ours makes an [Error] of what went wrong with the engine.
func (c *Container) ours(e *engine, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &Error{
			Problem: "this user may not use Docker (" + e.address + ": permission denied)", Permanent: true, Cause: err,
			Remedy: "Add the user to the group docker (sudo usermod -aG docker NAME, then log in again), run this with sudo, or set postgres.url instead",
		}
	case errors.Is(err, fs.ErrNotExist) && c.contained():
		return &Error{
			Problem: "this program runs in a container itself, where no Docker is (" + e.address + ")", Permanent: true, Cause: err,
			Remedy: fmt.Sprintf("Let its container join the network of %s (docker network connect, or networks: with external: true) "+
				"and set postgres.host to %[1]s instead; don't mount the Docker socket, it is root on the host", c.name),
		}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{
			Problem: "no Docker is at " + e.address, Permanent: true, Cause: err,
			Remedy: "Start Docker, set DOCKER_HOST if it is elsewhere, or set postgres.url instead",
		}
	}
	if call, ok := errors.AsType[*url.Error](err); ok {
		err = call.Err // its own text repeats a URL that means nothing to people
	}
	return &Error{
		Problem: "Docker at " + e.address + " does not answer: " + shown(err.Error()), Cause: err,
		Remedy: "See whether `docker ps` works, set DOCKER_HOST if Docker is elsewhere, or set postgres.url instead",
	}
}
