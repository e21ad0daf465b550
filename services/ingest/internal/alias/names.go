// Package alias knows the aliases of LiteLLM's keys by the keys' hashes, because a
// quarter to a half of the failed rows lack them (LiteLLM #22049, #34708).
//
// A look-up never waits: it answers from a bounded table in memory, which is filled
// from "LiteLLM_VerificationToken" and, since LiteLLM 1.83,
// "LiteLLM_DeletedVerificationToken" beside everything else. What is not in it is
// asked for in the background, for the next row of that key. Without the right to
// read those tables nothing is known, and one line in the log says which right is
// missing.
package alias

import (
	"encoding/hex"
	"log/slog"
	"sync"
	"time"
)

// hash is the SHA-256 of a key.
type hash [32]byte

func parseHash(s string) (h hash, ok bool) {
	if len(s) != hex.EncodedLen(len(h)) {
		return h, false // one of LiteLLM's own principals, a hashed JWT
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

func (h hash) String() string { return hex.EncodeToString(h[:]) }

// limits bound the table. A scanner can make up a million keys.
type limits struct {
	known   int // keys with an alias
	unknown int // keys that are not there, or have none
	asked   int // keys to ask for
	// fresh is how long an answer holds: a key that fails later is asked for again.
	fresh time.Duration
	// reload is how often all is read again.
	reload time.Duration
}

func defaultLimits() limits {
	return limits{known: 200_000, unknown: 50_000, asked: 10_000, fresh: time.Minute, reload: 5 * time.Minute}
}

// Names is the table. It is safe for use from several goroutines.
type Names struct {
	schema string
	log    *slog.Logger
	limits limits

	loading sync.Mutex // one load at a time

	mu      sync.Mutex
	reload  time.Time // when all is to be read again
	able    bool      // there is something that may be read
	told    string
	known   map[hash]name
	unknown map[hash]time.Time
	asked   map[hash]bool
	wake    chan struct{} // somebody asked
}

type name struct {
	alias   string
	checked time.Time
}

// New returns an empty table; schema is that of LiteLLM's tables.
func New(schema string, log *slog.Logger) *Names {
	return &Names{
		schema: schema, log: log, limits: defaultLimits(),
		known: map[hash]name{}, unknown: map[hash]time.Time{}, asked: map[hash]bool{}, wake: make(chan struct{}, 1),
	}
}

// Alias returns the alias of a key by its hash, 64 hex digits as LiteLLM stores it;
// false if none is known (yet).
func (n *Names) Alias(key string) (alias string, ok bool) {
	h, ok := parseHash(key)
	if !ok {
		return "", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	is, ok := n.known[h]
	checked := is.checked
	if !ok {
		checked = n.unknown[h]
	}
	if time.Since(checked) > n.limits.fresh {
		n.ask(h)
	}
	return is.alias, ok
}

// ask notes a key to ask for. Past the limit it is forgotten: its next row asks.
func (n *Names) ask(h hash) {
	if !n.able || len(n.asked) >= n.limits.asked {
		return
	}
	n.asked[h] = true
	n.rouse()
}

func (n *Names) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take returns up to most keys that were asked for.
func (n *Names) take(most int) []hash {
	n.mu.Lock()
	defer n.mu.Unlock()
	var some []hash
	for h := range n.asked {
		if len(some) == most {
			n.rouse()
			break
		}
		some = append(some, h)
		delete(n.asked, h)
	}
	return some
}

// learn notes an alias. A full table gives up one of its others.
func (n *Names) learn(h hash, alias string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if is, ok := n.known[h]; ok && is.alias == alias {
		alias = is.alias // the text that is there already
	} else if !ok {
		makeRoom(n.known, n.limits.known)
	}
	n.known[h] = name{alias, now}
	delete(n.unknown, h)
}

// miss notes that a key has no alias in the tables. One that it had stays: the key
// was deleted, and its failures are its still.
func (n *Names) miss(h hash, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if is, ok := n.known[h]; ok {
		n.known[h] = name{is.alias, now}
		return
	}
	makeRoom(n.unknown, n.limits.unknown)
	n.unknown[h] = now
}

func makeRoom[V any](m map[hash]V, most int) {
	for h := range m {
		if len(m) < most {
			return
		}
		delete(m, h)
	}
}
