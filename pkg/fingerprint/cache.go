package fingerprint

import "sync"

// Limits of a [Cache]: at the worst 5 MB.
const (
	maxCached     = 512     // kinds of a generation, of two
	maxCachedText = 4 << 10 // of the message, in bytes
)

// Cache is [Of] with a memory: in an outage one text comes thousands of times a
// second. The zero value is ready; it may be used by several goroutines.
type Cache struct {
	texts     memory // by error
	templates memory // by error, with the template as its message
}

// Of returns the kind of e with what traceback returns for its Traceback. That is
// large and hardly ever of use, so it is asked for only where it is.
func (c *Cache) Of(e Error, traceback func() string) Kind {
	e.Traceback = ""
	key := e
	if k, ok := c.texts.get(key); ok {
		return k
	}
	text, template, traced := read(&e)
	if traced {
		e.Traceback = traceback()
		return Of(e)
	}
	// The rest depends on nothing else: an id in a text makes it a new one, of a
	// template that is known.
	known := e
	known.Message = template
	k, ok := c.templates.get(known)
	if !ok {
		k = kindOf(e, "", template)
		c.templates.put(known, k)
	}
	k.Text = clip(text, maxText)
	if len(key.Message) <= maxCachedText {
		c.texts.put(key, k)
	}
	return k
}

// memory is the last of what it was told.
type memory struct {
	mu         sync.Mutex
	fresh, old map[Error]Kind // when fresh is full it becomes old
}

func (m *memory) get(key Error) (Kind, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.fresh[key]
	if ok {
		return k, true
	}
	if k, ok = m.old[key]; ok {
		m.keep(key, k)
	}
	return k, ok
}

func (m *memory) put(key Error, k Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, k)
}

func (m *memory) keep(key Error, k Kind) {
	if m.fresh == nil || len(m.fresh) == maxCached {
		m.fresh, m.old = make(map[Error]Kind, maxCached), m.fresh
	}
	m.fresh[key] = k
}
