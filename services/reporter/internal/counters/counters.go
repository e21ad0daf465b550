// Package counters counts what the log holds.
//
// Counters are a function of the log: the same entries give the same numbers,
// whoever reads them, however often the reading is broken off. They are kept in
// chunks that are stored one by one, each with the sequence up to which it has
// counted; after a crash the log is read again from the lowest of these and every
// chunk skips what it has. So a counter never goes back, loses nothing and counts
// nothing twice.
package counters

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

const (
	// Chunks is the number of values the counters are stored in. It is part of
	// their form: another number means counting anew.
	Chunks = 16
	// MaxSeries bounds the series of failures; further ones are added up under
	// model "other".
	MaxSeries = 2000
	// MaxFolded bounds the "other" series by provider; past it the provider is
	// "other" as well.
	MaxFolded = 200
	// MaxKinds bounds the kinds that are remembered, 8 bytes each; further ones are
	// not counted as new kinds.
	MaxKinds = 100_000

	other = "other"
)

// Series is the labels of faultwire_failures_total.
type Series struct {
	Model    string `json:"model"`
	Provider string `json:"provider"`
	Class    string `json:"class"`
}

// Entry is what is counted of a log entry.
type Entry struct {
	Seq  uint64
	Time time.Time // commit time, or a heartbeat's watermark
	// Failure is nil for a heartbeat and for history, which isn't counted.
	Failure *Failure
	// Began is the failure's startTime, of history too; zero for a heartbeat.
	Began time.Time
	// Unreadable marks a failure whose body is damaged.
	Unreadable bool
}

// Failure is the part of [event.Failure] that is counted.
type Failure struct {
	Model       string      `json:"model"`
	Provider    string      `json:"provider"`
	Class       event.Class `json:"class"`
	Fingerprint string      `json:"fingerprint"`
	Own         bool        `json:"own"`
	HealthCheck bool        `json:"health_check"`
	History     bool        `json:"history"`
}

// Counters is the state. The zero value is not ready: see [New] and [Load]. It is
// not for concurrent use.
type Counters struct {
	last   uint64 // the last entry added
	chunks [Chunks]*chunk
	limits limits
}

type limits struct{ series, folded, kindsPerChunk int }

// New returns counters that have read nothing.
func New() *Counters {
	c := &Counters{limits: limits{series: MaxSeries, folded: MaxFolded, kindsPerChunk: MaxKinds / Chunks}}
	for i := range c.chunks {
		c.chunks[i] = newChunk()
	}
	return c
}

// Next is the sequence to read on from; 0 means the first of the log.
func (c *Counters) Next() uint64 {
	if c.last > 0 {
		return c.last + 1
	}
	lowest := c.chunks[0].seq
	for _, chunk := range c.chunks {
		lowest = min(lowest, chunk.seq)
	}
	if lowest == 0 {
		return 0
	}
	return lowest + 1
}

// Add counts the next entry. Entries come in the order of the log.
func (c *Counters) Add(e Entry) {
	first := c.chunks[0]
	if e.Seq > first.seq {
		before := max(first.seq, c.last)
		first.Missed += e.Seq - before - 1
		first.Watermark = later(first.Watermark, e.Time)
		first.capture(e)
		if e.Unreadable {
			first.Unreadable++
		}
		first.dirty = true
	}
	if f := e.Failure; f != nil {
		c.addFailure(e.Seq, f)
		c.addKind(e.Seq, f)
	}
	c.last = e.Seq
}

func (c *Counters) addFailure(seq uint64, f *Failure) {
	labels, folded := c.place(seq, Series{
		Model: plain.Label(f.Model), Provider: plain.Label(f.Provider), Class: string(classOf(f.Class)),
	})
	chunk := c.chunk(labels.Model, labels.Provider, labels.Class)
	if seq <= chunk.seq {
		return
	}
	tally := chunk.series[labels]
	if tally == nil {
		tally = &Tally{Series: labels, Since: seq}
		chunk.series[labels] = tally
	}
	tally.Failures++
	if folded {
		chunk.Folded++
	}
	if f.Own {
		chunk.Own++
	}
	if f.HealthCheck {
		chunk.HealthChecks++
	}
	chunk.dirty = true
}

// place decides under which series a failure counts. It looks only at what was
// admitted before seq, so that the decision is the same when the log is read again
// with some chunks ahead of others.
func (c *Counters) place(seq uint64, s Series) (labels Series, folded bool) {
	if c.admits(seq, s, c.limits.series) {
		return s, false
	}
	s.Model = other
	if c.admits(seq, s, c.limits.series+c.limits.folded) {
		return s, true
	}
	s.Provider = other
	return s, true
}

func (c *Counters) admits(seq uint64, s Series, most int) bool {
	chunk := c.chunk(s.Model, s.Provider, s.Class)
	if tally := chunk.series[s]; tally != nil && tally.Since <= seq {
		return true
	}
	if seq <= chunk.seq {
		return false // the chunk has counted this entry, elsewhere
	}
	return c.admittedBefore(seq) < most
}

func (c *Counters) admittedBefore(seq uint64) (n int) {
	for _, chunk := range c.chunks {
		n += len(chunk.series)
		if chunk.seq <= seq {
			continue // it was admitted in the order in which we read
		}
		for _, tally := range chunk.series {
			if tally.Since >= seq {
				n--
			}
		}
	}
	return n
}

func (c *Counters) addKind(seq uint64, f *Failure) {
	chunk := c.chunk(f.Fingerprint)
	if seq <= chunk.seq {
		return
	}
	id := hash(f.Fingerprint)
	if _, seen := chunk.kinds[id]; seen || len(chunk.kinds) >= c.limits.kindsPerChunk {
		return
	}
	chunk.kinds[id] = struct{}{}
	chunk.Kinds[classOf(f.Class)]++
	chunk.dirty = true
}

func (c *Counters) chunk(labels ...string) *chunk { return c.chunks[hash(labels...)%Chunks] }

// hash is the same in every release and process: it decides which chunk counts.
func hash(labels ...string) uint64 {
	h := sha256.New()
	for _, label := range labels {
		fmt.Fprintf(h, "%d:%s", len(label), label)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func classOf(c event.Class) event.Class {
	if !c.Valid() {
		return event.ClassUnknown
	}
	return c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
