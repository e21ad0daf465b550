package ids

// Count is how many ids are in memory.
func (x *Index) Count() int { return x.count }
