package bus

import (
	"errors"
	"time"
)

// Permanent marks an error that no retry can mend: the message goes to DEAD_LETTERS
// and is not delivered again. Every other error is retried for ever. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent tells whether err was marked by [Permanent].
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Delay marks an error that says "not yet": the message is delivered again in d,
// without a retry in between and without counting as failed. nil stays nil.
func Delay(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &delayError{err, d}
}

type delayError struct {
	error
	delay time.Duration
}

func (e *delayError) Unwrap() error { return e.error }

// delayOf is the delay of an error that was marked by [Delay].
func delayOf(err error) (time.Duration, bool) {
	var d *delayError
	if !errors.As(err, &d) {
		return 0, false
	}
	return d.delay, true
}
