package storm

import (
	"log/slog"
	"strings"
	"testing"
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
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	usage := func(share float64) Usage { return Usage{MaxBytes: 1000, Unanalysed: uint64(1000 * share)} }
	for name, test := range map[string]struct {
		keep       int64
		unreadable bool
		troubled   time.Time
		held       [2]int64 // at two looks
		usage      Usage
		holds      string // in the reason; empty = not held back
		goesOn     bool   // if it was held back before, it still is
	}{
		"all is well, and all is read in time":        {keep: -1},
		"NATS is away for a moment":                   {keep: -1, troubled: ago(30 * time.Second), goesOn: true},
		"NATS is away for two minutes":                {keep: -1, troubled: ago(2 * time.Minute), holds: "NATS has taken nothing", goesOn: true},
		"NATS is away and the table can't be read":    {keep: -1, unreadable: true, troubled: ago(2 * time.Minute), goesOn: true},
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
			vouched := time.Now().Add(-time.Hour).UTC()
			state, m := &gap.State{}, &meter{}
			w := New(Config{Log: &log{test.troubled, &event.Heartbeat{Watermark: vouched}}, Gap: state, Meter: m, Slog: slog.New(slog.DiscardHandler)})
			w.Session(test.keep, !test.unreadable)
			for _, held := range test.held {
				w.Slot(slot.State{Held: held})
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
	}
}
