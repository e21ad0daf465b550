// Package storm keeps more failures than the log can take from becoming LiteLLM's
// trouble: it decides when failures are held back, and when there is room for those
// that are read later.
package storm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

const (
	every   = 5 * time.Second
	sayFull = time.Hour
	nearly  = 0.98 // of nats.max_bytes
	// refusedFor is how long nothing could be written until failures are held back.
	refusedFor = 60 * time.Second
	// mostHeld is how many bytes of its log the database may keep because of us, if
	// max_slot_wal_keep_size allows four times that.
	mostHeld = 1 << 30
	// undrainedFor is how long what it keeps must not have become less: a backlog that is
	// being drained does, with every heartbeat, and is left alone.
	undrainedFor = 30 * time.Second

	// Shares of nats.max_bytes that the analyzer may have before it: at most of them
	// failures are held back, at low they come again, and rows read by SQL wait or end.
	mostUnanalysed = 0.5
	lowUnanalysed  = 0.25
)

// Log is the end of the log.
type Log interface {
	// Troubled is since when nothing could be written; zero = it can.
	Troubled() time.Time
	// Vouched is the last heartbeat; nil = none.
	Vouched() *event.Heartbeat
}

// Meter shows what the storm does.
type Meter interface {
	Slot(slot.State)
	Log(Usage)
	Holding(bool)
	HeldBack(n int)
}

// Config is what a watch needs.
type Config struct {
	Usage func(context.Context) (Usage, error) // see [Read]
	Log   Log
	Gap   *gap.State
	Meter Meter
	Slog  *slog.Logger
}

// Watch watches log and slot.
type Watch struct {
	Config

	mu     sync.Mutex
	usage  Usage
	known  bool
	slot   slot.State
	most   int64 // of slot.Held
	least  int64 // slot.Held was since it went above most
	shrank time.Time
	began  time.Time
	said   time.Time // that the log is full
	active bool      // this process follows the table
	fills  bool      // the table can be read: what is held back can be read later
}

// New returns a watch.
func New(c Config) *Watch { return &Watch{Config: c, began: time.Now()} }

// Session notes what a session has found: keep is max_slot_wal_keep_size in bytes,
// negative = without bound; readable = the role may read the table.
func (w *Watch) Session(keep int64, readable bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fills, w.most = readable, MostHeld(keep)
	w.shrank = time.Time{} // what piled up while there was no session has its time to be drained
}

// Polls notes that the table is polled: nothing has to be held back, since the
// database keeps no log for us and a poll waits.
func (w *Watch) Polls() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fills, w.most, w.slot = false, 0, slot.State{}
}

// MostHeld is how many bytes of its log the database may keep because of us; keep is
// max_slot_wal_keep_size, negative = without bound.
func MostHeld(keep int64) int64 {
	if keep < 0 {
		return mostHeld
	}
	return min(mostHeld, keep/4)
}

// SetActive notes whether this process follows the table: a standby holds nothing
// back.
func (w *Watch) SetActive(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = yes
}

func (w *Watch) isActive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.active
}

// Slot notes a look at the slot.
func (w *Watch) Slot(s slot.State) {
	w.mu.Lock()
	w.slot = s
	if s.Held <= w.most || s.Held < w.least || w.shrank.IsZero() {
		w.least, w.shrank = s.Held, time.Now()
	}
	w.mu.Unlock()
	w.Meter.Slot(s)
}

// Run watches until ctx ends, and returns nil then.
func (w *Watch) Run(ctx context.Context) error {
	for lifecycle.Pause(ctx, every) {
		w.look(ctx)
		if w.isActive() {
			w.step()
		}
	}
	return nil
}

func (w *Watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	u, err := w.Usage(ctx)
	if err != nil { // the publisher says it, and tries on
		w.Slog.Debug("can't look at the log", "error", err)
		return
	}
	w.mu.Lock()
	w.usage, w.known = u, true
	w.mu.Unlock()
	w.Meter.Log(u)
	if u.MaxBytes > 0 && float64(u.Bytes) > nearly*float64(u.MaxBytes) && time.Since(w.said) > sayFull {
		w.said = time.Now()
		w.Slog.Warn("the log is full and its oldest entries go: LiteLLM's table still has those rows, and `faultwire replay` reads them; nats.max_bytes (FAULTWIRE_NATS_MAX_BYTES) sets the size of a new log",
			"bytes", u.Bytes, "discarded", u.Discarded)
	}
}

// step holds failures back or lets them in again.
func (w *Watch) step() {
	trouble, calm := w.judge()
	switch holding := w.Gap.Holding(); {
	case !holding && trouble != "":
		from := w.began
		if h := w.Log.Vouched(); h != nil {
			from = h.Watermark
		}
		w.Gap.Hold(from, trouble)
		w.Meter.Holding(true)
		w.Slog.Error("failures are held back: they stay in LiteLLM's table and are read out of it when this is over", "reason", trouble, "from", from.UTC().Format(time.RFC3339))
	case holding && calm:
		held := w.Gap.Release()
		w.Meter.Holding(false)
		w.Meter.HeldBack(held)
		w.Slog.Info("failures go into the log again", "held_back", held)
	}
}

// judge says what is wrong, "" = nothing, and whether all is well again: it takes
// more to be well than not to be wrong, so that the two don't alternate.
func (w *Watch) judge() (trouble string, calm bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := w.Log.Troubled()
	refused := !since.IsZero() && time.Since(since) > refusedFor
	held := w.slot.Held > w.most && w.most > 0 && time.Since(w.shrank) > undrainedFor
	switch {
	case refused && w.fills:
		trouble = fmt.Sprintf("NATS has taken nothing for %s", time.Since(since).Round(time.Second))
	case held:
		trouble = "the database keeps " + plain.Size(w.slot.Held) + " of its log for us"
	case w.known && w.fills && w.usage.Share() > mostUnanalysed:
		trouble = fmt.Sprintf("the analyzer has %s before it, %.0f %% of the log's size", plain.Size(int64(w.usage.Unanalysed)), 100*w.usage.Share())
	}
	calm = since.IsZero() && w.slot.Held <= w.most/2 && w.known && w.usage.Share() < lowUnanalysed
	return trouble, calm
}

// Room waits until the log has room for rows read by SQL.
func (w *Watch) Room(ctx context.Context) (bool, error) {
	for w.Full() {
		if !lifecycle.Pause(ctx, every) {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// Full reports whether rows read by SQL have to wait.
func (w *Watch) Full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.usage.Share() > lowUnanalysed
}
