package explainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/analyzer/internal/llm"
	"github.com/faultwire/faultwire/services/analyzer/internal/prompt"
)

// round is the state of one Run. Only loop's goroutine touches it.
type round struct {
	*Explainer
	user    string
	budget  *budget
	kinds   map[string]*kind // without an explanation, by fingerprint
	running int
	news    chan event.KindRequest
	answers chan answer
	calls   *errgroup.Group
}

// kind is one that waits for its explanation.
type kind struct {
	request event.KindRequest
	pending event.Pending
	running bool
}

// answer is how one call ended.
type answer struct {
	kind  *kind
	reply llm.Reply
	err   error
	took  time.Duration
}

func (r *round) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case request := <-r.news:
			if err := r.add(ctx, request); err != nil {
				return err
			}
		case a := <-r.answers:
			if err := r.settle(ctx, a); err != nil {
				return err
			}
		case <-timer.C:
		}
		next, err := r.start(ctx)
		if err != nil {
			return err
		}
		r.metrics.pending.Set(float64(len(r.kinds)))
		r.metrics.budget(r.budget.left(r.now()))
		timer.Reset(next)
	}
}

// add takes a request in unless it is answered.
func (r *round) add(ctx context.Context, request event.KindRequest) error {
	id := request.Kind.Fingerprint
	_, done, err := bus.Last(ctx, r.store.JetStream, topology.Explanations, topology.ExplanationSubject(id, request.Prompt))
	if err != nil || done {
		return err
	}
	k := &kind{request: request}
	if k.pending, err = r.loadPending(ctx, request); err != nil {
		return err
	}
	if k.pending.Budget { // what was spent then may be free now
		k.pending.Next = time.Time{}
	}
	if old := r.kinds[id]; old == nil || !old.running {
		r.kinds[id] = k
	}
	return nil
}

// idle is how long the loop sleeps when no kind has a time of its own.
const idle = time.Hour

// start begins the calls that may begin, and returns how long nothing more can.
func (r *round) start(ctx context.Context) (time.Duration, error) {
	now := r.now()
	next := idle
	for _, k := range r.due(now) {
		if r.running == atOnce {
			return next, nil // an answer wakes the loop
		}
		free, why := r.budget.free(now)
		if free.After(now) {
			if err := r.postpone(ctx, now, free, why); err != nil {
				return 0, err
			}
			break
		}
		if err := r.budget.take(ctx, now); err != nil {
			return 0, err
		}
		r.ask(ctx, k)
	}
	for _, k := range r.kinds {
		if !k.running {
			next = min(next, max(k.pending.Next.Sub(now), 0))
		}
	}
	return next, nil
}

// due lists the kinds whose time has come, largest first.
func (r *round) due(now time.Time) []*kind {
	var due []*kind
	for _, k := range r.kinds {
		if !k.running && !k.pending.Next.After(now) {
			due = append(due, k)
		}
	}
	slices.SortFunc(due, func(a, b *kind) int {
		return cmp.Or(-cmp.Compare(a.request.Kind.Failures, b.request.Kind.Failures), cmp.Compare(a.request.Kind.Fingerprint, b.request.Kind.Fingerprint))
	})
	return due
}

// postpone says of every due kind that the budget is spent, and until when.
func (r *round) postpone(ctx context.Context, now, free time.Time, why string) error {
	for _, k := range r.due(now) {
		k.pending.V, k.pending.Why, k.pending.Next, k.pending.Budget = event.Version, why, free, true
		if err := r.savePending(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) ask(ctx context.Context, k *kind) {
	k.running = true
	r.running++
	r.calls.Go(func() error {
		message, err := prompt.User(&k.request)
		if err != nil {
			return fmt.Errorf("explain %s: %w", k.request.Kind.Fingerprint, err)
		}
		began := time.Now()
		reply, err := r.asker.Ask(ctx, r.user, prompt.System, message)
		select {
		case r.answers <- answer{kind: k, reply: reply, err: err, took: time.Since(began)}:
		case <-ctx.Done():
		}
		return nil
	})
}

// settle stores an explanation, or why there is none and when it is asked again.
func (r *round) settle(ctx context.Context, a answer) error {
	k := a.kind
	k.running = false
	r.running--
	if ctx.Err() != nil {
		return nil
	}
	r.metrics.observe(a)
	request := &k.request
	if a.err != nil {
		k.pending = retryAt(k.pending, a.err, r.now())
		r.log.Warn("no explanation", "kind", request.Kind.Fingerprint, "why", k.pending.Why, "next", k.pending.Next)
		return r.savePending(ctx, k)
	}
	data, err := event.Encode(&event.Explanation{
		V: event.Version, Fingerprint: request.Kind.Fingerprint, Prompt: request.Prompt,
		Hypothesis: a.reply.Hypothesis, Advice: a.reply.Advice, Model: a.reply.Model, At: r.now().UTC(),
		InputTokens: a.reply.Usage.Input, OutputTokens: a.reply.Usage.Output,
	})
	if err != nil {
		return err
	}
	if _, err := bus.PublishOnce(ctx, r.store.JetStream, topology.ExplanationSubject(request.Kind.Fingerprint, request.Prompt), data); err != nil {
		return err
	}
	delete(r.kinds, request.Kind.Fingerprint)
	return r.dropPending(ctx, request)
}

// Waits after a failed call, doubling.
const (
	retryFirst = time.Minute
	retryMost  = time.Hour
)

// retryAt is what p becomes after one more failure: Retry-After where the endpoint
// said so, else a minute, doubling to an hour.
func retryAt(p event.Pending, err error, now time.Time) event.Pending {
	wait := retryMost
	if p.Tries < 6 {
		wait = min(retryFirst<<p.Tries, retryMost)
	}
	why := err.Error()
	var call *llm.CallError
	if errors.As(err, &call) {
		why = call.Why
		if call.RetryAfter > 0 {
			wait = call.RetryAfter
		}
	}
	return event.Pending{V: event.Version, Why: why, Tries: p.Tries + 1, Next: now.Add(wait).UTC()}
}
