package redact

import "errors"

var (
	// ErrSyntax: a pattern is no regular expression of RE2.
	ErrSyntax = errors.New("not a regular expression")
	// ErrEmptyMatch: a pattern matches where there is no text, so everywhere.
	ErrEmptyMatch = errors.New("matches the empty text")
)
