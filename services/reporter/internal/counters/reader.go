package counters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	storeEvery = 10 * time.Second
	// lastStoreTimeout bounds the write when the process ends.
	lastStoreTimeout = 3 * time.Second
	// cleanEvery: a chunk that counted nothing new is stored only every sixth time,
	// so that little is read again after a crash.
	cleanEvery = 6
	// stuckAfter is how long there may be entries to read without progress.
	stuckAfter = 30 * time.Second
)

// Reader follows the log and keeps the counters in the STATE bucket. It is a
// prometheus.Collector that exports nothing until [Reader.Run] has caught up with
// the log: what it exports never goes back, also over restarts.
type Reader struct {
	store topology.Store
	log   *slog.Logger
	tick  <-chan time.Time // instead of storeEvery, in tests

	mu       sync.Mutex
	counters *Counters // nil while not running
	caughtUp bool
	moved    time.Time // of the last progress
	size     struct{ entries, bytes uint64 }
}

// NewReader returns a reader of store's log.
func NewReader(store topology.Store, log *slog.Logger) *Reader {
	return &Reader{store: store, log: log}
}

// Run counts until ctx ends. Its error says that the log or the stored counters
// can't be read.
func (r *Reader) Run(ctx context.Context) error {
	counters, err := r.load(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	last, err := r.lookAtLog(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	r.begin(counters, last)
	defer r.end()

	following, stop := context.WithCancel(ctx)
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		r.keepStored(following)
	}()
	err = r.follow(following, counters.Next(), last)
	stop()
	<-stored
	// What was counted since is in the log; storing it only spares reading it again.
	lastly, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastStoreTimeout)
	defer cancel()
	r.storeChunks(lastly, true)
	return err
}

func (r *Reader) follow(ctx context.Context, from, last uint64) error {
	for entry, err := range bus.Follow(ctx, r.store.JetStream, topology.Failures, topology.AllFailures, from, false) {
		if err != nil {
			return fmt.Errorf("count failures: %w", err)
		}
		e, err := read(entry)
		if err != nil {
			return fmt.Errorf("count failures: entry %d of the log: %w", entry.Seq, err)
		}
		if e.Unreadable {
			r.log.Error("an entry of the log is damaged and is not counted", "sequence", entry.Seq, "subject", entry.Subject)
		}
		r.mu.Lock()
		r.counters.Add(e)
		r.caughtUp = r.caughtUp || e.Seq >= last
		r.moved = time.Now()
		r.mu.Unlock()
	}
	return nil
}

func (r *Reader) begin(c *Counters, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters, r.moved = c, time.Now()
	r.caughtUp = c.Next() > last || last == 0
}

func (r *Reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters, r.caughtUp = nil, false
}

// lookAtLog returns the last sequence of the log and notes its size.
func (r *Reader) lookAtLog(ctx context.Context) (last uint64, err error) {
	stream, err := r.store.JetStream.Stream(ctx, topology.Failures)
	if err != nil {
		return 0, fmt.Errorf("count failures: stream %s: %w", topology.Failures, err)
	}
	state := stream.CachedInfo().State
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size.entries, r.size.bytes = state.Msgs, state.Bytes
	return state.LastSeq, nil
}

// load reads the chunks of this epoch.
func (r *Reader) load(ctx context.Context) (*Counters, error) {
	var chunks [Chunks][]byte
	for i := range chunks {
		entry, err := r.store.State.Get(ctx, topology.CountersKey(r.store.Epoch, i))
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
		case err != nil:
			return nil, fmt.Errorf("read chunk %d of the counters: %w", i, err)
		default:
			chunks[i] = entry.Value()
		}
	}
	return Load(chunks)
}

// keepStored stores the counters from time to time.
func (r *Reader) keepStored(ctx context.Context) {
	tick := r.tick
	if tick == nil {
		ticker := time.NewTicker(storeEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for round := 1; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			r.storeChunks(ctx, round%cleanEvery == 0)
			if _, err := r.lookAtLog(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("the size of the log can't be read", "error", err)
			}
		}
	}
}

// storeChunks writes what changed, or everything. What can't be written now is
// written the next time.
func (r *Reader) storeChunks(ctx context.Context, all bool) {
	for i := range Chunks {
		data, changed, err := r.chunk(i)
		if err == nil && (changed || all) && data != nil {
			_, err = r.store.State.Put(ctx, topology.CountersKey(r.store.Epoch, i), data)
		}
		if err != nil {
			r.log.Warn("the counters can't be stored; after a restart more of the log is read again", "error", err)
			r.unstored(i)
			return
		}
	}
}

// chunk takes chunk i to be stored; nil before anything was counted.
func (r *Reader) chunk(i int) (data []byte, changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counters.Next() == 0 {
		return nil, false, nil
	}
	data, changed, err = r.counters.Chunk(i)
	if err == nil {
		r.counters.Stored(i)
	}
	return data, changed, err
}

func (r *Reader) unstored(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters.chunks[i].dirty = true
}

// Progress is nil while the reader has read all of the log or gets on with it, and
// while it doesn't run at all.
func (r *Reader) Progress(ctx context.Context) error {
	last, err := r.lookAtLog(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counters == nil || r.counters.Next() > last {
		return nil
	}
	if still := time.Since(r.moved); last > 0 && still > stuckAfter {
		return fmt.Errorf("counters stand at entry %d of %d for %s", max(r.counters.Next(), 1)-1, last, still.Round(time.Second))
	}
	return nil
}
