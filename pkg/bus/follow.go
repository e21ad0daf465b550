package bus

import (
	"context"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
)

// Follow gives the entries of a stream whose subject matches filter ("" = all) from
// sequence from on (0 = the first), in order, each once, and waits for new ones. It
// just stops when ctx ends, and survives interruptions of the connection and of the
// server. At most 16 MiB or 1,000 entries are read ahead.
//
// An error is the last thing it gives: the stream is not there, or the connection
// was closed.
func Follow(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64, headersOnly bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c := newCursor(js, stream, filter, from, headersOnly)
		defer func() { c.close(ctx) }()
		give := func(e Entry) bool { return yield(e, nil) }
		for ctx.Err() == nil {
			if err := c.open(ctx); err != nil {
				if c.isFatal(err) {
					yield(Entry{}, err)
					return
				}
				c.pause(ctx)
				continue
			}
			for {
				more, err := c.pull(ctx, c.batchSize(), 0, give)
				if !more {
					return
				}
				if err != nil { // open again where it ended
					c.pause(ctx)
					break
				}
			}
		}
	}
}
