package event

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// LSN is a write-ahead log position of Postgres, in bytes from the start of the
// log ("Write-Ahead Log" in the Postgres manual, type pg_lsn).
type LSN uint64

// ParseLSN reads the form Postgres prints, two hex numbers: "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	hi, lo, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("parse LSN %q: want two hex numbers like 16/B374D848", s)
	}
	h, err := strconv.ParseUint(hi, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("parse LSN %q: %w", s, err)
	}
	l, err := strconv.ParseUint(lo, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("parse LSN %q: %w", s, err)
	}
	return LSN(h<<32 | l), nil
}

// String returns the form Postgres prints.
func (l LSN) String() string {
	return strings.ToUpper(strconv.FormatUint(uint64(l>>32), 16) + "/" + strconv.FormatUint(uint64(uint32(l)), 16))
}

// MarshalText implements [encoding.TextMarshaler].
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *LSN) UnmarshalText(b []byte) error {
	got, err := ParseLSN(string(b))
	if err != nil {
		return err
	}
	*l = got
	return nil
}

// Position is where in the source an entry was read. Positions of one system id
// and timeline are ordered; others are not comparable: after a failover the LSN
// may be lower than what was read before.
type Position struct {
	System   string `json:"system"`   // IDENTIFY_SYSTEM's systemid
	Timeline int32  `json:"timeline"` // IDENTIFY_SYSTEM's timeline
	Commit   LSN    `json:"commit"`   // of the transaction's commit record
	Row      int    `json:"row"`      // 1 for the first failure of the transaction; 0 for a heartbeat
}

// ParsePosition reads what [Position.String] writes.
func ParsePosition(s string) (Position, error) {
	part := strings.Split(s, ",")
	if len(part) != 4 {
		return Position{}, fmt.Errorf("parse position %q: want system,timeline,LSN,row", s)
	}
	timeline, err := strconv.ParseInt(part[1], 10, 32)
	if err != nil {
		return Position{}, fmt.Errorf("parse position %q: timeline: %w", s, err)
	}
	lsn, err := ParseLSN(part[2])
	if err != nil {
		return Position{}, fmt.Errorf("parse position %q: %w", s, err)
	}
	row, err := strconv.Atoi(part[3])
	if err != nil || row < 0 {
		return Position{}, fmt.Errorf("parse position %q: row %q is not a number ≥ 0", s, part[3])
	}
	return Position{System: part[0], Timeline: int32(timeline), Commit: lsn, Row: row}, nil
}

// String returns the one-line form that headers carry: "7398…,1,16/B374D848,42".
func (p Position) String() string {
	return p.System + "," + strconv.Itoa(int(p.Timeline)) + "," + p.Commit.String() + "," + strconv.Itoa(p.Row)
}

// SameHistory reports whether p and q can be compared.
func (p Position) SameHistory(q Position) bool {
	return p.System == q.System && p.Timeline == q.Timeline
}

// Compare orders positions of the same history.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Commit, q.Commit), cmp.Compare(p.Row, q.Row))
}
