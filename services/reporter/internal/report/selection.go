package report

import (
	"github.com/faultwire/faultwire/pkg/event"
)

const (
	// ofEachKind rows of each kind are in the full file, whatever else is cut.
	ofEachKind = 20
	// shortRows bounds the short file.
	shortRows = 100_000
)

// selection decides which rows a full file holds: the first 20 of each kind, then
// in order, up to a number. It needs the counts beforehand and sees the rows once.
type selection struct {
	left int            // rows that may still be written
	free int            // of them, for rows past the first 20 of their kind
	seen map[string]int // rows by kind
}

// selectRows returns the selection of at most most rows, 0 = all.
func selectRows(kinds []event.Kind, most int) *selection {
	total, reserved := 0, 0
	for _, kind := range kinds {
		total += kind.Failures
		reserved += min(kind.Failures, ofEachKind)
	}
	if most == 0 || most > total {
		most = total
	}
	return &selection{left: most, free: max(0, most-reserved), seen: map[string]int{}}
}

// takes reports whether the next row is written.
func (s *selection) takes(fingerprint string) bool {
	s.seen[fingerprint]++
	if s.left == 0 {
		return false
	}
	if s.seen[fingerprint] > ofEachKind {
		if s.free == 0 {
			return false
		}
		s.free--
	}
	s.left--
	return true
}

// caps returns the most rows of the full and the short file, 0 = all.
func (w *Writer) caps(j *job) (full, short int) {
	most := w.config.Output.MaxRows
	if most == 0 || j.replay != nil && j.replay.Request.Query.ExplicitLimit {
		return 0, 0
	}
	return most, max(most, shortRows)
}

// atMost is n cut to most, 0 = all.
func atMost(n, most int) int {
	if most == 0 {
		return n
	}
	return min(n, most)
}
