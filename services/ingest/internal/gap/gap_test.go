package gap_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGrows: a gap that grows while it is filled stays open, from its earliest
// moment on.
func TestGrows(t *testing.T) {
	t.Parallel()
	early, late := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	var s gap.State
	changed := s.Changed()
	s.Open(late, "first")
	select {
	case <-changed:
	default:
		t.Error("nobody is told of a new gap")
	}
	filling := s.Named()
	s.Hold(early, "second")
	s.Filled(filling)
	if g := s.Named(); g == nil || !g.From.Equal(early) || g.Why != "second" {
		t.Errorf("gap %+v", g)
	}
	s.Filled(s.Named())
	if s.Named() == nil {
		t.Error("closed while failures are held back")
	}
	s.Release()
	s.Open(late, "third")
	if g := s.Named(); !g.From.Equal(early) {
		t.Errorf("a later one makes it smaller: %+v", g)
	}
	var h event.Heartbeat
	s.SetHistory(true)
	if s.Mark(&h); h.Gap == nil || !h.History {
		t.Errorf("heartbeat %+v", h)
	}
	s.Filled(s.Named())
	s.SetHistory(false)
	if s.Mark(&h); h.Gap != nil || h.History {
		t.Errorf("heartbeat %+v", h)
	}
}
