package ids

// set holds short ids in 11 to 21 bytes each; a map of Go takes 29. It is cut into
// shards that grow one by one, so that growing needs no second copy of all.
type set struct {
	shards [256]shard
	len    int
}

// shard is a hash table with linear probing; a short id is a hash itself.
type shard struct {
	slots []short // 0 = free; a power of 2
	used  int
	zero  bool // whether the id 0 is in it
}

const firstSlots = 16

func (s *set) has(id short) bool {
	h := &s.shards[byte(id)]
	if id == 0 {
		return h.zero
	}
	if len(h.slots) == 0 {
		return false
	}
	return h.slots[h.place(id)] == id
}

func (s *set) add(id short) {
	h := &s.shards[byte(id)]
	switch {
	case s.has(id):
		return
	case id == 0:
		h.zero = true
	default:
		h.put(id)
	}
	s.len++
}

// place is where id is, or would go.
func (h *shard) place(id short) int {
	mask := len(h.slots) - 1
	i := int(id>>8) & mask // the lowest byte has chosen the shard
	for h.slots[i] != 0 && h.slots[i] != id {
		i = (i + 1) & mask
	}
	return i
}

func (h *shard) put(id short) {
	if 4*(h.used+1) > 3*len(h.slots) {
		old := h.slots
		h.slots = make([]short, max(firstSlots, 2*len(old)))
		for _, other := range old {
			if other != 0 {
				h.slots[h.place(other)] = other
			}
		}
	}
	h.slots[h.place(id)] = id
	h.used++
}
