package counters

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// MaxChunk bounds a stored chunk, in bytes: the STATE bucket holds small values.
const MaxChunk = 256 << 10

var (
	errTooLarge = errors.New("too large for the STATE bucket")
	errLater    = errors.New("written by a later version of faultwire: upgrade this process")
)

// Tally is one series and its count.
type Tally struct {
	Series
	Since    uint64 `json:"since"` // the entry that made it a series
	Failures uint64 `json:"failures"`
}

// chunk counts the series and kinds whose hash falls to it.
type chunk struct {
	seq    uint64 // up to here it was stored; entries up to here are skipped
	series map[Series]*Tally
	kinds  map[uint64]struct{} // hashes of fingerprints
	dirty  bool                // changed since it was stored
	sums
}

// sums are the counts of a chunk that have no series of their own. What is no
// failure's is counted in the first chunk.
type sums struct {
	Folded       uint64                 `json:"folded,omitempty"`
	Own          uint64                 `json:"own,omitempty"`
	HealthChecks uint64                 `json:"health_checks,omitempty"`
	Kinds        map[event.Class]uint64 `json:"kinds,omitempty"`
	Unreadable   uint64                 `json:"unreadable,omitempty"`
	Missed       uint64                 `json:"missed,omitempty"`
	Watermark    time.Time              `json:"watermark,omitzero"`
	// Captured counts the failures of the last hours by the minute they began in (Unix
	// seconds), history included; Begun is the time of the first entry, before which
	// it says nothing.
	Captured map[int64]int `json:"captured,omitempty"`
	Begun    time.Time     `json:"begun,omitzero"`
}

// stored is the form of a chunk in the STATE bucket.
type stored struct {
	V          int      `json:"v"`
	Seq        uint64   `json:"seq"`
	Series     []*Tally `json:"series"`
	KindHashes string   `json:"kind_hashes"` // 8 bytes each, base64
	sums
}

func newChunk() *chunk {
	return &chunk{series: map[Series]*Tally{}, kinds: map[uint64]struct{}{}, sums: sums{Kinds: map[event.Class]uint64{}}}
}

// Load reads chunks that [Counters.Chunk] wrote, at any times. A missing one is nil.
func Load(chunks [Chunks][]byte) (*Counters, error) {
	c := New()
	for i, data := range chunks {
		if data == nil {
			continue
		}
		if err := c.chunks[i].read(data); err != nil {
			return nil, fmt.Errorf("read chunk %d of the counters: %w", i, err)
		}
	}
	return c, nil
}

func (c *chunk) read(data []byte) error {
	from := stored{sums: sums{Kinds: map[event.Class]uint64{}}}
	if err := json.Unmarshal(data, &from); err != nil {
		return err
	}
	if from.V > event.Version {
		return errLater
	}
	hashes, err := base64.StdEncoding.DecodeString(from.KindHashes)
	if err != nil {
		return fmt.Errorf("kind_hashes: %w", err)
	}
	c.seq, c.sums = from.Seq, from.sums
	for _, tally := range from.Series {
		c.series[tally.Series] = tally
	}
	for hash := range slices.Chunk(hashes, 8) {
		if len(hash) == 8 {
			c.kinds[binary.BigEndian.Uint64(hash)] = struct{}{}
		}
	}
	return nil
}

// Chunk returns a chunk as it is to be stored, and whether it counts anything new
// since [Counters.Stored] was called for it.
func (c *Counters) Chunk(i int) (data []byte, changed bool, err error) {
	chunk := c.chunks[i]
	to := stored{V: event.Version, Seq: max(chunk.seq, c.last), sums: chunk.sums}
	to.Series = slices.SortedFunc(maps.Values(chunk.series), func(a, b *Tally) int { return cmp.Compare(a.Since, b.Since) })
	var hashes []byte
	for _, hash := range slices.Sorted(maps.Keys(chunk.kinds)) {
		hashes = binary.BigEndian.AppendUint64(hashes, hash)
	}
	to.KindHashes = base64.StdEncoding.EncodeToString(hashes)
	if data, err = event.Encode(&to); err != nil {
		return nil, false, err
	}
	if len(data) >= MaxChunk {
		return nil, false, fmt.Errorf("chunk %d of the counters, %d bytes: %w", i, len(data), errTooLarge)
	}
	return data, chunk.dirty, nil
}

// Stored notes that a chunk was stored as [Counters.Chunk] returned it last.
func (c *Counters) Stored(i int) { c.chunks[i].dirty = false }
