package ids

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSet: it holds what a map holds, whatever the ids have in common.
func TestSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 600), rapid.Custom(func(t *rapid.T) uint64 {
			return rapid.Uint64Range(0, 600).Draw(t, "high") << 52 // one shard, one slot
		}))).Draw(t, "ids")
		s, want := &set{}, map[short]bool{}
		for _, id := range ids {
			s.add(short(id))
			want[short(id)] = true
			if !s.has(short(id)) || s.len != len(want) {
				t.Fatalf("after %d: has %v, %d of %d", id, s.has(short(id)), s.len, len(want))
			}
		}
		for _, id := range ids {
			for _, other := range []short{short(id), short(id) + 1, short(id) << 8} {
				if s.has(other) != want[other] {
					t.Fatalf("has %d: %v", other, s.has(other))
				}
			}
		}
	})
}

// BenchmarkSet fills an hour of 5,000 failures a second; B/op is the memory that took,
// growing included.
func BenchmarkSet(b *testing.B) {
	const n = 18_000_000
	b.ReportAllocs()
	for b.Loop() {
		s := &set{}
		for i := range uint64(n) {
			s.add(short(i * 0x9E3779B97F4A7C15))
		}
	}
}
