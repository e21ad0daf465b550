package bus

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// scanPatience is how long a scan waits for entries that were there when it
	// asked; then it asks anew what there is.
	scanPatience = time.Second
	scanTimeout  = 30 * time.Second // without progress
)

// Range is a part of a stream.
type Range struct {
	Stream string
	// Filter selects entries by subject; "" = all.
	Filter string
	// Lo and Hi are the first and the last sequence, inclusive: Hi < Lo is an empty
	// range, a Lo of 0 means the first.
	Lo, Hi uint64
	// HeadersOnly leaves the bodies away.
	HeadersOnly bool
}

// Scan gives the entries of r in order, each once. It ends at r.Hi, or at what was
// the last sequence of the stream at the start. Entries that were discarded or
// purged, before or meanwhile, are left out without a word.
//
// An error is the last thing it gives: ctx ended, the stream is not there, the
// connection was closed, or ErrStalled.
func Scan(ctx context.Context, js jetstream.JetStream, r Range) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		hi, err := lastSeq(ctx, js, r.Stream)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		s := &scan{cursor: newCursor(js, r.Stream, r.Filter, r.Lo, r.HeadersOnly), hi: min(r.Hi, hi)}
		defer func() { s.close(ctx) }()
		stopped := false
		err = s.run(ctx, func(e Entry) bool {
			stopped = !yield(e, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(Entry{}, err)
		}
	}
}

func lastSeq(ctx context.Context, js jetstream.JetStream, stream string) (uint64, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return s.CachedInfo().State.LastSeq, nil
}

type scan struct {
	*cursor
	hi uint64
}

// run returns nil when all was given or yield returned false. Only a consumer that
// was just made knows for sure how many entries are left: what it counted may be
// gone when it is asked for, and that is no reason to wait.
func (s *scan) run(ctx context.Context, yield func(Entry) bool) error {
	progress := time.Now()
	for s.next <= s.hi {
		err := s.open(ctx)
		if err == nil {
			before := s.next
			var done bool
			if done, err = s.rest(ctx, yield); done {
				return nil
			}
			if s.next > before {
				progress = time.Now()
			}
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("scan stream %s: %w", s.stream, context.Cause(ctx))
		case err == nil:
		case s.isFatal(err):
			return err
		case time.Since(progress) > scanTimeout:
			return fmt.Errorf("scan stream %s at sequence %d: %w: %w", s.stream, s.next, ErrStalled, err)
		default:
			s.pause(ctx)
		}
	}
	return nil
}

// rest gives what the consumer counted; done = there is nothing more to give.
func (s *scan) rest(ctx context.Context, yield func(Entry) bool) (done bool, err error) {
	if s.pending == 0 {
		return true, nil
	}
	give := func(e Entry) bool { return e.Seq <= s.hi && yield(e) && e.Seq < s.hi }
	for s.delivered < s.pending {
		n := min(uint64(s.batchSize()), s.pending-s.delivered)
		more, err := s.pull(ctx, int(n), scanPatience, give)
		if !more && ctx.Err() == nil {
			return true, nil
		}
		if !more || err != nil {
			return false, err
		}
	}
	return false, nil
}
