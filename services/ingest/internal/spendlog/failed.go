package spendlog

import (
	"bytes"

	"github.com/faultwire/faultwire/services/ingest/internal/jsonscan"
)

// Failed reports whether a row is a failure: status <> 'success', or, where status
// is NULL or no column (LiteLLM before 1.68), metadata->>'status' = 'failure'. It is
// the same rule as in the publication and in SQL, so metadata that is a string
// holding JSON says nothing: Postgres' ->> gives NULL of it. A row that can't be
// read counts as one, so that it is not lost.
func (l *Layout) Failed(row []Value) bool {
	if len(row) != len(l.columns) {
		return true
	}
	if status, ok := text(row, l.status); ok {
		return string(status) != "success"
	}
	doc, ok := text(row, l.metadata)
	if !ok || !bytes.Contains(doc, []byte("failure")) && bytes.IndexByte(doc, '\\') < 0 {
		return false
	}
	failed := false
	for m, err := range jsonscan.Members(doc) {
		if err != nil {
			return failed
		}
		if string(m.Name) == "status" { // the last of several counts, as in Postgres
			status, _ := jsonscan.Text(m.Value)
			failed = status == "failure"
		}
	}
	return failed
}

// Rescued reports whether a row is no failure, but of a request that failed at
// first: its metadata holds an error_class, or tells of retries or fallbacks. It is
// the rule of postgres.Table with Rescued.
func (l *Layout) Rescued(row []Value) bool {
	if l.Failed(row) {
		return false
	}
	doc, _ := text(row, l.metadata)
	m, _ := readMetadata(doc) // of a string that holds JSON Postgres reads nothing either
	return m.classified || m.retried || m.fellBack
}

// Wanted reports whether a row is to be read: a failure, or with [Options].Rescued a
// rescued request.
func (l *Layout) Wanted(row []Value, o Options) bool {
	return l.Failed(row) || o.Rescued && l.Rescued(row)
}
