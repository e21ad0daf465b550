package fingerprint

import "sync"

// Limits of a [Cache]: at the worst 4 MB.
const (
	maxCached     = 512     // kinds of a generation, of two
	maxCachedText = 4 << 10 // of the message, in bytes
)

// Cache is [Of] with a memory: in an outage one text comes thousands of times a
// second. The zero value is ready; it may be used by several goroutines.
type Cache struct {
	mu         sync.Mutex
	fresh, old map[Error]Kind // when fresh is full it becomes old
}

// Of returns the kind of e with what traceback returns for its Traceback. That is
// large and hardly ever of use, so it is asked for only where it is.
func (c *Cache) Of(e Error, traceback func() string) Kind {
	e.Traceback = ""
	key := e
	if k, ok := c.get(key); ok {
		return k
	}
	text, template, traced := read(&e)
	if traced {
		e.Traceback = traceback()
		return Of(e)
	}
	k := kindOf(e, text, template)
	if len(key.Message) <= maxCachedText {
		c.put(key, k)
	}
	return k
}

func (c *Cache) get(key Error) (Kind, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.fresh[key]
	if ok {
		return k, true
	}
	if k, ok = c.old[key]; ok {
		c.keep(key, k)
	}
	return k, ok
}

func (c *Cache) put(key Error, k Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(key, k)
}

func (c *Cache) keep(key Error, k Kind) {
	if c.fresh == nil || len(c.fresh) == maxCached {
		c.fresh, c.old = make(map[Error]Kind, maxCached), c.fresh
	}
	c.fresh[key] = k
}
