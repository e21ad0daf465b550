package sample

import "errors"

var (
	// ErrMixedColumns: rows of one INSERT differ in their columns.
	ErrMixedColumns = errors.New("the rows have different columns")
	// ErrTooManyRows: more rows than LiteLLM puts into one statement.
	ErrTooManyRows = errors.New("more rows than fit in one statement")
	// ErrNotARow: not a JSON object with the columns of LiteLLM_SpendLogs.
	ErrNotARow = errors.New("not a row of LiteLLM_SpendLogs")
)
