package explainer

import (
	"cmp"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// kind is a kind that has been asked for. What the LLM will be told is read again
// from KINDS when its turn comes: there may be thousands of kinds.
type kind struct {
	fingerprint string
	seq         uint64    // of the request in KINDS
	asked       time.Time // when that was stored
	failures    int       // in the window that asked
	tries       int       // calls that failed
	next        time.Time // not to be asked before
	asking      bool
	note        event.Pending // as last written to STATE; Why "" = there is none
}

// queue holds the kinds without an explanation, by fingerprint.
type queue map[string]*kind

func (k *kind) due(now time.Time) bool { return !k.asking && !k.next.After(now) }

// largestDue returns the kind to ask next, nil when none is due.
func (q queue) largestDue(now time.Time) *kind {
	var largest *kind
	for _, k := range q {
		if k.due(now) && (largest == nil || before(k, largest)) {
			largest = k
		}
	}
	return largest
}

// before orders kinds: the larger first, then the one with fewer tries, for a kind
// that always fails must not keep its equals waiting.
func before(a, b *kind) bool {
	return cmp.Or(-cmp.Compare(a.failures, b.failures), cmp.Compare(a.tries, b.tries), cmp.Compare(a.fingerprint, b.fingerprint)) < 0
}

// wake returns when the next kind that isn't due gets due; zero = none does.
func (q queue) wake(now time.Time) time.Time {
	var wake time.Time
	for _, k := range q {
		if !k.asking && k.next.After(now) && (wake.IsZero() || k.next.Before(wake)) {
			wake = k.next
		}
	}
	return wake
}

// Waits after a failed call.
const (
	firstWait = time.Minute
	mostWait  = time.Hour
)

// backoff is how long a kind waits after its failed call number tries: what the
// endpoint asked for, else 1 min doubling to 1 h. An endpoint that keeps asking for
// less gets no more than a third call that soon: the budget would be gone.
func backoff(tries int, retryAfter time.Duration) time.Duration {
	wait := mostWait
	if shift := tries - 1; shift < 6 {
		wait = min(firstWait<<shift, mostWait)
	}
	if retryAfter > wait || retryAfter > 0 && tries <= 2 {
		return retryAfter
	}
	return wait
}
