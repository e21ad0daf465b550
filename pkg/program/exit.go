package program

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/faultwire/faultwire/pkg/config"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2 // wrong use or settings
)

// exitError is an error that decides the exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Usage marks err as wrong use or settings: exit code 2. nil stays nil.
func Usage(err error) error { return Exit(ExitUsage, err) }

// Exit gives err an exit code of its own. nil stays nil.
func Exit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// ExitCode returns 0 for nil, what [Exit] or [Usage] said, 2 for faults of the
// settings, else 1.
func ExitCode(err error) int {
	var own *exitError
	var faults config.Faults
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &faults):
		return ExitUsage
	}
	return ExitFailed
}

// Report writes err for the person at the terminal: one line for each fault, the
// subject first, the remedy last. verbose adds the causes below each. Control
// characters, which a server's message may hold, are escaped.
func Report(w io.Writer, err error, verbose bool) {
	for _, one := range split(err) {
		fmt.Fprintln(w, line(one.Error()))
		if verbose {
			because(w, one, "  ")
		}
	}
}

func because(w io.Writer, err error, indent string) {
	for _, cause := range causes(err) {
		fmt.Fprintf(w, "%sbecause: %s (%T)\n", indent, line(cause.Error()), cause)
		because(w, cause, indent+"  ")
	}
}

// causes returns what err wraps directly.
func causes(err error) []error {
	switch err := err.(type) { //nolint:errorlint // this error itself is meant, not one below it
	case interface{ Unwrap() []error }:
		return err.Unwrap()
	case interface{ Unwrap() error }:
		if cause := err.Unwrap(); cause != nil {
			return []error{cause}
		}
	}
	return nil
}

// split takes joined errors apart. One that wraps others with words of its own
// stays whole.
func split(err error) []error {
	inner := causes(err)
	var texts []string
	var all []error
	for _, one := range inner {
		texts = append(texts, one.Error())
		all = append(all, split(one)...)
	}
	if len(inner) == 0 || strings.Join(texts, "\n") != err.Error() {
		return []error{err}
	}
	return all
}

// line makes text fit for one line of a terminal.
func line(text string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
		switch {
		case r == '\n':
			b.WriteString("; ")
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
