package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Source tables of a failure, part of its [ID].
const (
	SourceSpendLogs = "SpendLogs" // "LiteLLM_SpendLogs"
	SourceErrorLogs = "ErrorLogs" // "LiteLLM_ErrorLogs", read on request only
)

// ID identifies a failure wherever and however often it is read. It is 16 bytes
// of SHA-256 over source table, request_id and startTime: request_id alone is
// chosen by clients (LiteLLM #35563) and may be the text "None".
type ID [16]byte

// NewID computes the id of a row. startTime is the column's text as Postgres
// prints it in ISO style ("2025-12-25 10:15:30.123"), not a parsed time: the
// same bytes come from the WAL and from SQL.
func NewID(source, requestID, startTime string) ID {
	b := make([]byte, 0, 128) // of the usual ones
	for _, part := range [...]string{source, requestID, startTime} {
		// Lengths in front keep ("a", "bc") and ("ab", "c") apart.
		b = append(strconv.AppendInt(b, int64(len(part)), 10), ':')
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return ID(sum[:len(ID{})])
}

// ParseID reads the 32 hex digits that [ID.String] writes.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fmt.Errorf("parse failure id %q: want %d hex digits", s, 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("parse failure id %q: %w", s, err)
	}
	return id, nil
}

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID) UnmarshalText(b []byte) error {
	got, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = got
	return nil
}
