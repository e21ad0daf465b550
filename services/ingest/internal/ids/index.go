// Package ids knows which failures the log holds. It keeps the ids of the hours
// being written in memory and all of the log's age in the stream IDS.
package ids

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	// DefaultLimit is how many ids are kept in memory, 8 bytes of each: about 270 MB
	// at the worst, an hour of 5,000 failures a second. Whoever reads the table again
	// goes through it hour by hour, so one hour must fit.
	DefaultLimit = 20_000_000

	// KnownFor is how far back every failure of the log is known by its id, with a day
	// to spare.
	KnownFor = topology.FailuresAge - 24*time.Hour

	recordSize = 8 + len(event.ID{})
	maxRecords = (512 << 10) / recordSize // of one message

	// throughHeader says up to which sequence of the log all ids are in IDS.
	throughHeader = "Faultwire-Through"
)

// Record is one id and where in the log it is.
type Record struct {
	Seq     uint64
	Started time.Time // startTime of the row
	ID      event.ID
}

// Index is safe for use from several goroutines; one writes the log.
type Index struct {
	js    jetstream.JetStream
	epoch string
	log   *slog.Logger
	limit int

	mu      sync.Mutex
	hours   map[string]*hour // by subject
	count   int              // of all ids in hours
	tick    uint64           // of use
	through uint64
}

// short is the first half of an id. Ids are hashes: with n of them in an hour the
// chance that a new one is taken for another is n in 2^64.
type short uint64

func shortOf(id []byte) short { return short(binary.BigEndian.Uint64(id)) }

// hour holds the ids of rows that started in one hour. When it grows too large
// its older half goes.
type hour struct {
	fresh, old *set // old may be nil
	used       uint64
}

// NewIndex returns an index with nothing in memory; limit is at least 1.
func NewIndex(store topology.Store, limit int, log *slog.Logger) *Index {
	return &Index{js: store.JetStream, epoch: store.Epoch, log: log, limit: limit, hours: map[string]*hour{}}
}

// Known reports whether the log holds a failure. It reads the hour's ids from
// IDS if they are not in memory.
func (x *Index) Known(ctx context.Context, started time.Time, id event.ID) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	h, err := x.load(ctx, topology.IDsSubject(x.epoch, started))
	if err != nil {
		return false, err
	}
	return h.has(shortOf(id[:])), nil
}

func (h *hour) len() int {
	if h.old == nil {
		return h.fresh.len
	}
	return h.fresh.len + h.old.len
}

func (h *hour) has(id short) bool {
	return h.fresh.has(id) || h.old != nil && h.old.has(id)
}

func (x *Index) load(ctx context.Context, subject string) (*hour, error) {
	x.tick++
	if h, ok := x.hours[subject]; ok {
		h.used = x.tick
		return h, nil
	}
	h := &hour{fresh: &set{}, used: x.tick}
	for entry, err := range bus.Scan(ctx, x.js, bus.Range{Stream: topology.IDs, Filter: subject, Hi: math.MaxUint64}) {
		if err != nil {
			x.count -= h.len()
			return nil, fmt.Errorf("read ids of %s: %w", subject, err)
		}
		for data := entry.Data; len(data) >= recordSize; data = data[recordSize:] {
			x.put(h, shortOf(data[8:recordSize]))
		}
	}
	x.hours[subject] = h
	x.evict(h)
	return h, nil
}

// Add notes records in memory and in IDS. through is the sequence of the log up
// to which, with these, all ids are noted; 0 = no further than before.
func (x *Index) Add(ctx context.Context, records []Record, through uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	through = max(through, x.through)
	bySubject := map[string][]Record{}
	for _, r := range records {
		subject := topology.IDsSubject(x.epoch, r.Started)
		bySubject[subject] = append(bySubject[subject], r)
	}
	subjects := slices.Sorted(maps.Keys(bySubject))
	for i, subject := range subjects {
		all := bySubject[subject]
		for chunk := range slices.Chunk(all, maxRecords) {
			last := i == len(subjects)-1 && &chunk[len(chunk)-1] == &all[len(all)-1]
			if err := x.write(ctx, subject, chunk, through, last); err != nil {
				return err
			}
		}
		if h, ok := x.hours[subject]; ok { // else it is read from IDS when it is needed
			for _, r := range all {
				x.put(h, shortOf(r.ID[:]))
			}
			x.evict(h)
		}
	}
	x.through = through
	return nil
}

// write stores one message. Only the last of a batch says that all up to through
// is noted.
func (x *Index) write(ctx context.Context, subject string, records []Record, through uint64, last bool) error {
	if !last {
		through = x.through
	}
	data := make([]byte, 0, len(records)*recordSize)
	for _, r := range records {
		data = binary.BigEndian.AppendUint64(data, r.Seq)
		data = append(data, r.ID[:]...)
	}
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{}}
	m.Header.Set(throughHeader, strconv.FormatUint(through, 10))
	if _, err := x.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("note ids in stream %s: %w", topology.IDs, err)
	}
	return nil
}

// Through reads the sequence of the log up to which all ids are noted. found is
// false when IDS is empty, or was written to for another log: last is the sequence
// that ours ends with.
func (x *Index) Through(ctx context.Context, last uint64) (seq uint64, found bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.through = 0
	m, found, err := bus.Last(ctx, x.js, topology.IDs, topology.IDsOf(x.epoch))
	if err != nil || !found {
		return 0, false, err
	}
	if seq, err = strconv.ParseUint(m.Header.Get(throughHeader), 10, 64); err != nil {
		return 0, false, fmt.Errorf("read header %s of stream %s: %w", throughHeader, topology.IDs, err)
	}
	if seq > last {
		return 0, false, nil
	}
	x.through = seq
	return seq, true, nil
}

// Forget drops what is in memory: another process may have written.
func (x *Index) Forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.hours)
	x.count = 0
}

func (x *Index) put(h *hour, id short) {
	if h.has(id) {
		return
	}
	h.fresh.add(id)
	x.count++
	if h.fresh.len > x.limit/2 { // one hour of a storm: the older half of its ids goes
		if h.old != nil {
			x.log.Warn("more ids in one hour than memory is allowed for, forgetting the oldest", "ids", h.old.len)
			x.count -= h.old.len
		}
		h.old, h.fresh = h.fresh, &set{}
	}
}

// evict drops the hours longest unused, never keep itself, until the rest fits.
func (x *Index) evict(keep *hour) {
	for x.count > x.limit && len(x.hours) > 1 {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(x.hours)), func(a, b string) int {
			return cmp.Compare(x.rank(a, keep), x.rank(b, keep))
		})
		if x.hours[oldest] == keep {
			return
		}
		x.count -= x.hours[oldest].len()
		delete(x.hours, oldest)
	}
}

func (x *Index) rank(subject string, keep *hour) uint64 {
	if x.hours[subject] == keep {
		return ^uint64(0)
	}
	return x.hours[subject].used
}
