package spendlog

import (
	"errors"
	"fmt"
)

var (
	// ErrNotSpendLogs: the columns are not those of LiteLLM's table of requests.
	ErrNotSpendLogs = errors.New(`not LiteLLM's table "LiteLLM_SpendLogs"`)
	// ErrColumns: a row has more or fewer values than its table has columns.
	ErrColumns = errors.New("number of values differs from number of columns")
	// ErrUnchanged: Postgres left a large value out because an UPDATE did not touch
	// it. An INSERT carries every value.
	ErrUnchanged = errors.New("value is not in the message")
	// ErrTime: a timestamp is missing, infinite, before year 1 or after year 9999.
	ErrTime = errors.New("not a time that can be reported")
)

// DecodeError says what of a row could not be read.
type DecodeError struct {
	Column string // "" = the row as a whole
	Err    error
}

func (e *DecodeError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("decode a row of SpendLogs: %v", e.Err)
	}
	return fmt.Sprintf("decode column %s of SpendLogs: %v", e.Column, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }
