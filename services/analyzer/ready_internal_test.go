package analyzer

import (
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var p progress
	for i, step := range []struct {
		second     int
		read, last uint64
		ready      bool
	}{
		{0, 0, 100, true}, // nobody has looked before
		{10, 0, 100, true},
		{16, 0, 100, false},
		{17, 5, 100, true}, // it gets on
		{32, 5, 100, true},
		{33, 5, 100, false},
		{34, 100, 100, true},
		{90, 100, 100, true},   // at the end, and it stays there
		{4000, 100, 101, true}, // something came just now
		{4015, 100, 120, true},
		{4016, 100, 121, false},
	} {
		if err := p.look(step.read, step.last, start.Add(time.Duration(step.second)*time.Second)); (err == nil) != step.ready {
			t.Errorf("step %d: %v", i, err)
		}
	}
}
