package storm_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
	"github.com/faultwire/faultwire/services/ingest/internal/storm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gib = 1 << 30

// calm is a log without trouble, and a meter that nobody reads.
type calm struct{}

func (calm) Troubled() time.Time       { return time.Time{} }
func (calm) Vouched() *event.Heartbeat { return nil }
func (calm) Slot(slot.State)           {}
func (calm) Log(storm.Usage)           {}
func (calm) Holding(bool)              {}
func (calm) HeldBack(int)              {}

// TestBacklog: failures are held back when the database keeps much of its log for us
// and it doesn't get less, whatever the looks at it show in between.
func TestBacklog(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		keep  int64 // max_slot_wal_keep_size
		held  func(look int) int64
		holds bool
	}{
		"little":                    {-1, func(int) int64 { return gib / 2 }, false},
		"grows":                     {-1, func(n int) int64 { return 2*gib + int64(n) }, true},
		"stands still":              {-1, func(int) int64 { return 2 * gib }, true},
		"drained":                   {-1, func(n int) int64 { return 9*gib - int64(n)<<20 }, false},
		"drained by every third":    {-1, func(n int) int64 { return 9*gib - int64(n/3)<<20 }, false},
		"drained, then not":         {-1, func(n int) int64 { return 9*gib - int64(min(n, 12))<<20 }, true},
		"grows, though it wavers":   {-1, func(n int) int64 { return 2*gib + int64(n)<<20 + int64(n%2)<<22 }, true},
		"a short peak":              {-1, func(n int) int64 { return int64(n%4/3) * 2 * gib }, false},
		"a quarter of what is kept": {gib, func(int) int64 { return gib/4 + 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				state := &gap.State{}
				w := storm.New(storm.Config{
					Usage: func(context.Context) (storm.Usage, error) { return storm.Usage{}, nil },
					Log:   calm{}, Meter: calm{}, Gap: state, Slog: testkit.Logger(t),
				})
				w.Session(tc.keep, true)
				w.SetActive(true)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- w.Run(ctx) }()
				held := false
				for look := range 24 { // two minutes
					w.Slot(slot.State{Held: tc.held(look)})
					time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock
					synctest.Wait()
					held = held || state.Holding()
				}
				cancel()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if held != tc.holds {
					t.Errorf("held back: %t, want %t", held, tc.holds)
				}
			})
		})
	}
}
