package storm

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is the end of a log as a test wants it.
type log struct {
	troubled time.Time
	vouched  *event.Heartbeat
}

func (l *log) Troubled() time.Time       { return l.troubled }
func (l *log) Vouched() *event.Heartbeat { return l.vouched }

// meter remembers what it was told.
type meter struct {
	holding bool
	held    int
}

func (*meter) Slot(slot.State)    {}
func (*meter) Log(Usage)          {}
func (m *meter) Holding(yes bool) { m.holding = yes }
func (m *meter) HeldBack(n int)   { m.held += n }

const gib = 1 << 30

// TestSteps: what makes failures be held back, and what lets them in again.
func TestSteps(t *testing.T) {
	t.Parallel()
	usage := func(share float64) Usage { return Usage{MaxBytes: 1000, Unanalysed: uint64(1000 * share)} }
	for name, test := range map[string]struct {
		keep       int64
		unreadable bool
		troubled   time.Duration // so long
		held       [2]int64      // at two looks, half a minute apart
		usage      Usage
		holds      string // in the reason; empty = not held back
		goesOn     bool   // if it was held back before, it still is
	}{
		"all is well, and all is read in time":        {keep: -1},
		"NATS is away for a moment":                   {keep: -1, troubled: 30 * time.Second, goesOn: true},
		"NATS is away for two minutes":                {keep: -1, troubled: 2 * time.Minute, holds: "NATS has taken nothing", goesOn: true},
		"NATS is away and the table can't be read":    {keep: -1, unreadable: true, troubled: 2 * time.Minute, goesOn: true},
		"much of the database's log, and more":        {keep: -1, held: [2]int64{gib + 1, gib + 2}, holds: "keeps 1.0 GB", goesOn: true},
		"much of it, and less":                        {keep: -1, held: [2]int64{gib + 2, gib + 1}, goesOn: true},
		"a quarter of what the database may keep":     {keep: gib, held: [2]int64{gib / 4, gib/4 + 1}, holds: "keeps 256 MB", goesOn: true},
		"much of it, and the table can't be read":     {keep: -1, unreadable: true, held: [2]int64{gib + 1, gib + 2}, holds: "keeps 1.0 GB", goesOn: true},
		"half of the log is not analysed":             {keep: -1, usage: usage(0.51), holds: "the analyzer has", goesOn: true},
		"a third of the log is not analysed":          {keep: -1, usage: usage(0.3), goesOn: true},
		"a fifth of the log is not analysed":          {keep: -1, usage: usage(0.2)},
		"a log without bound is never full":           {keep: -1, usage: Usage{Unanalysed: gib}},
		"some of the database's log, as it should be": {keep: -1, held: [2]int64{gib / 4, gib / 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vouched := time.Now().Add(-time.Hour).UTC()
				state, m := &gap.State{}, &meter{}
				end := &log{vouched: &event.Heartbeat{Watermark: vouched}}
				w := New(Config{Log: end, Gap: state, Meter: m, Slog: slog.New(slog.DiscardHandler)})
				w.Session(test.keep, !test.unreadable)
				w.Slot(slot.State{Held: test.held[0]})
				time.Sleep(undrainedFor + 1) //nolint:forbidigo // the bubble's clock
				w.Slot(slot.State{Held: test.held[1]})
				if test.troubled > 0 {
					end.troubled = time.Now().Add(-test.troubled)
				}
				w.usage, w.known = test.usage, true
				w.step()
				if state.Holding() != (test.holds != "") || m.holding != state.Holding() {
					t.Fatalf("holding %v", state.Holding())
				}
				if g := state.Named(); test.holds != "" && (!strings.Contains(g.Why, test.holds) || !g.From.Equal(vouched)) {
					t.Errorf("gap %+v", g)
				}
				state.Hold(vouched, "before")
				state.Held()
				w.step()
				if state.Holding() != test.goesOn {
					t.Errorf("held back before: now %v", state.Holding())
				}
				if !test.goesOn && m.held != 1 {
					t.Errorf("%d held back", m.held)
				}
				if state.Named() == nil {
					t.Error("the gap is forgotten before it is filled")
				}
			})
		})
	}
}

// TestBacklog: failures are held back when the database keeps much of its log for us
// and it doesn't become less, however the looks at it fall.
func TestBacklog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		held  func(look int) int64
		holds bool
	}{
		"little":                  {func(int) int64 { return gib / 2 }, false},
		"grows":                   {func(n int) int64 { return 2*gib + int64(n) }, true},
		"grows, though it wavers": {func(n int) int64 { return 2*gib + int64(n)<<20 + int64(n%2)<<22 }, true},
		"stands still":            {func(int) int64 { return 2 * gib }, true},
		"drained":                 {func(n int) int64 { return 9*gib - int64(n)<<20 }, false},
		"drained at times":        {func(n int) int64 { return 9*gib - int64(n/3)<<20 }, false},
		"drained, then not":       {func(n int) int64 { return 9*gib - int64(min(n, 12))<<20 }, true},
		"peaks":                   {func(n int) int64 { return int64(n%4/3) * 2 * gib }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				state, held := &gap.State{}, false
				w := New(Config{Log: &log{}, Gap: state, Meter: &meter{}, Slog: slog.New(slog.DiscardHandler)})
				w.Session(-1, true)
				for look := range 24 { // two minutes
					w.Slot(slot.State{Held: test.held(look)})
					w.step()
					held = held || state.Holding()
					time.Sleep(every) //nolint:forbidigo // the bubble's clock
				}
				if held != test.holds {
					t.Errorf("held back: %t, want %t", held, test.holds)
				}
			})
		})
	}
}

// TestBacklogOfAnOutage: a new session has its time to drain what piled up before.
func TestBacklogOfAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := &gap.State{}
		w := New(Config{Log: &log{}, Gap: state, Meter: &meter{}, Slog: slog.New(slog.DiscardHandler)})
		w.Session(-1, true)
		w.Slot(slot.State{Held: 1000})
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		w.Session(-1, true)
		w.Slot(slot.State{Held: 5 * gib})
		w.step()
		if state.Holding() {
			t.Error("held back at once")
		}
	})
}
