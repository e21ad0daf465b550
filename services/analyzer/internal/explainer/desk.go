package explainer

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
)

// desk is the state of the explainer that has the lease. One loop owns it: calls
// and the follower of KINDS run beside it and only tell.
type desk struct {
	*Explainer
	user     string // marks our calls
	budget   *budget
	endpoint endpoint
	kinds    queue
	// explained holds when each explanation was stored, by fingerprint; age is how
	// long the stream keeps it, 0 = for ever.
	explained map[string]time.Time
	age       time.Duration

	next     uint64 // sequence of KINDS to follow from
	calls    int    // under way
	results  chan result
	arrivals chan bus.Entry
	broken   chan error // the follower's
	running  sync.WaitGroup
	warned   string // the last failure that was logged as a warning
}

// open reads what there is. Nobody is asked before all of it is known: the largest
// kind comes first.
func (e *Explainer) open(ctx context.Context) (*desk, error) {
	d := &desk{
		Explainer: e, kinds: queue{}, explained: map[string]time.Time{},
		results: make(chan result, maxCalls), arrivals: make(chan bus.Entry), broken: make(chan error, 1),
	}
	var err error
	if d.user, err = topology.OwnUser(ctx, e.store.State); err != nil {
		return nil, err
	}
	if d.budget, err = openBudget(ctx, e.store.State, e.config); err != nil {
		return nil, err
	}
	stream, err := e.store.JetStream.Stream(ctx, topology.Explanations)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", topology.Explanations, err)
	}
	d.age = stream.CachedInfo().Config.MaxAge
	stored := map[string]time.Time{}
	for entry, err := range bus.Scan(ctx, e.store.JetStream, bus.Range{Stream: topology.Explanations, Hi: math.MaxUint64, HeadersOnly: true}) {
		if err != nil {
			return nil, err
		}
		stored[entry.Subject] = entry.Stored
	}
	for entry, err := range bus.Scan(ctx, e.store.JetStream, bus.Range{Stream: topology.Kinds, Hi: math.MaxUint64}) {
		if err != nil {
			return nil, err
		}
		if err := d.arrive(ctx, entry, stored); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// work explains until ctx ends or something fails.
func (d *desk) work(ctx context.Context) error {
	d.running.Go(func() { d.follow(ctx) })
	for {
		now := time.Now()
		if err := d.dispatch(ctx, now); err != nil {
			return err
		}
		d.metrics.show(d.snapshot())
		var err error
		timer := alarm(now, d.kinds.wake(now))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case r := <-d.results:
			err = d.finish(ctx, r)
		case entry := <-d.arrivals:
			err = d.arrive(ctx, entry, nil)
		case err = <-d.broken:
		}
		timer.Stop()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// alarm is a timer for a time, one that never fires for the zero time.
func alarm(now, at time.Time) *time.Timer {
	if at.IsZero() {
		return time.NewTimer(math.MaxInt64)
	}
	return time.NewTimer(at.Sub(now))
}

// follow hands new requests to the loop.
func (d *desk) follow(ctx context.Context) {
	for entry, err := range bus.Follow(ctx, d.store.JetStream, topology.Kinds, topology.AllKinds, d.next, false) {
		if err != nil {
			d.broken <- err
			return
		}
		select {
		case d.arrivals <- entry:
		case <-ctx.Done():
			return
		}
	}
}

// arrive takes a request into the queue. stored holds explanations by subject.
func (d *desk) arrive(ctx context.Context, entry bus.Entry, stored map[string]time.Time) error {
	d.next = entry.Seq + 1
	r, err := event.Decode[event.KindRequest](entry.Data)
	if err != nil {
		d.log.Error("a request for an explanation can't be read, left out", "sequence", entry.Seq, telemetry.ErrorKey, err)
		return nil
	}
	if r.Prompt != event.Prompt {
		return nil
	}
	k := d.kinds[r.Kind.Fingerprint]
	if k == nil {
		k = &kind{fingerprint: r.Kind.Fingerprint}
	}
	k.seq, k.asked, k.failures = entry.Seq, entry.Stored, r.Kind.Failures
	d.kinds[k.fingerprint] = k
	if at, found := stored[topology.ExplanationSubject(k.fingerprint, r.Prompt)]; found {
		d.explained[k.fingerprint] = at
	}
	if at, found := d.explained[k.fingerprint]; found {
		d.settle(k, at)
		return nil
	}
	if k.asking {
		return nil
	}
	return d.recall(ctx, k)
}

// settle takes note of when a kind's explanation was stored. The kind is done,
// unless its request is the newer one: that outlives the explanation, and nobody
// would ask when it has gone.
func (d *desk) settle(k *kind, stored time.Time) {
	d.explained[k.fingerprint] = stored
	if d.age == 0 || !k.asked.After(stored) {
		delete(d.kinds, k.fingerprint)
		return
	}
	k.next = stored.Add(d.age)
	if soon := time.Now().Add(firstWait); soon.After(k.next) { // it should have gone already
		k.next = soon
	}
}

// snapshot is what metrics show.
func (d *desk) snapshot() *snapshot {
	s := &snapshot{spent: d.budget.spent, limits: d.budget.limits}
	for fingerprint := range d.kinds {
		if _, found := d.explained[fingerprint]; !found {
			s.pending++
		}
	}
	return s
}
