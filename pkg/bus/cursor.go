package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pullHeaders = 1000     // entries of one pull request, headers only
	pullBodies  = 256      // with bodies
	pullBytes   = 16 << 20 // of one pull request, at least twice the largest message

	// Two heartbeats missed mean that the server or the consumer is gone.
	pullHeartbeat = time.Second

	cursorInactive = 30 * time.Second       // then the server drops a consumer left behind
	cursorCleanup  = 500 * time.Millisecond // for dropping it ourselves
	retryFirst     = 50 * time.Millisecond
	retryMost      = time.Second
	goneFor        = 10 * time.Second
	openTimeout    = 5 * time.Second
)

// cursor reads a stream in order from next on, through a consumer of its own that
// needs no acks. The consumer numbers what it sends, so a hole is seen; after a
// hole, an error or an interrupted connection the consumer is replaced by one that
// starts at next. (nats.go's own ordered consumer does the same, but its iterators
// can lose a pull request and then stand still for half a minute.)
type cursor struct {
	js          jetstream.JetStream
	stream      string
	filter      string
	headersOnly bool
	next        uint64

	consumer  jetstream.Consumer
	delivered uint64 // the consumer's number of the last entry
	pending   uint64 // entries that matched when the consumer was made
	changes   chan nats.Status
	maxBytes  int
	wait      time.Duration // before the next try
	goneSince time.Time
}

func newCursor(js jetstream.JetStream, stream, filter string, from uint64, headersOnly bool) *cursor {
	return &cursor{
		js: js, stream: stream, filter: filter, headersOnly: headersOnly, next: max(from, 1),
		changes:  js.Conn().StatusChanged(nats.RECONNECTING, nats.CONNECTED, nats.CLOSED),
		maxBytes: max(pullBytes, 2*int(js.Conn().MaxPayload())),
		wait:     retryFirst,
	}
}

// open makes a consumer that starts at next, in place of the one before.
func (c *cursor) open(ctx context.Context) error {
	for drained := false; !drained; {
		select {
		case <-c.changes:
		default:
			drained = true
		}
	}
	if conn := c.js.Conn(); !conn.IsConnected() && !conn.IsClosed() {
		return errReconnected
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	answered, broken := make(chan struct{}), make(chan bool, 1)
	go func() { // a request on a connection that broke gets no answer
		select {
		case <-c.changes:
			cancel()
			broken <- true
		case <-answered:
			broken <- false
		}
	}()
	consumer, err := c.js.CreateConsumer(ctx, c.stream, jetstream.ConsumerConfig{
		FilterSubject: c.filter, HeadersOnly: c.headersOnly,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.next,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: cursorInactive,
	})
	close(answered)
	if <-broken {
		return errReconnected
	}
	if err != nil {
		return fmt.Errorf("read stream %s: %w", c.stream, err)
	}
	c.consumer, c.delivered, c.pending = consumer, 0, consumer.CachedInfo().NumPending
	c.goneSince = time.Time{}
	return nil
}

// isFatal tells whether the error of open will be the same next time. A broker that
// was just started may not know its streams yet: only a stream that we never read is
// missing at once.
func (c *cursor) isFatal(err error) bool {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrInvalidStreamName):
		return true
	case !errors.As(err, &api):
		return false
	case api.Code == http.StatusNotFound && c.consumer != nil:
		if c.goneSince.IsZero() {
			c.goneSince = time.Now()
		}
		return time.Since(c.goneSince) > goneFor
	}
	return api.Code >= http.StatusBadRequest && api.Code < http.StatusInternalServerError
}

// pause waits before the next try: longer each time, not at all once the connection
// is back.
func (c *cursor) pause(ctx context.Context) {
	timer := time.NewTimer(c.wait)
	defer timer.Stop()
	c.wait = min(2*c.wait, retryMost)
	select {
	case <-ctx.Done():
	case <-c.changes:
	case <-timer.C:
	}
}

// pull asks for up to n entries and gives them to yield. It ends after n of them,
// after 30 s, when yield returns false or ctx ends (more = false), or with an error,
// after which the consumer is of no use. No entry for the time of patience is an
// error too; 0 means that waiting is what it is for.
func (c *cursor) pull(ctx context.Context, n int, patience time.Duration, yield func(Entry) bool) (more bool, err error) {
	// A deadline of ctx must not become the expiry of the request.
	request, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	batch, err := c.consumer.Fetch(n, jetstream.FetchContext(request), jetstream.FetchHeartbeat(pullHeartbeat), jetstream.FetchMaxBytes(c.maxBytes))
	if err != nil {
		return true, fmt.Errorf("pull: %w", err)
	}
	late, rearm := deadline(patience)
	began, got := time.Now(), 0
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.changes:
			return true, errReconnected
		case <-late:
			return true, errNothing
		case m, open := <-batch.Messages():
			if !open {
				err := batch.Error()
				if err == nil && got == 0 && time.Since(began) < pullHeartbeat {
					c.maxBytes *= 2 // an entry is larger than a request allows
					err = errNothing
				}
				return true, err
			}
			entry, err := c.accept(m)
			if err != nil {
				return true, err
			}
			got++
			if !yield(entry) {
				return false, nil
			}
			rearm()
		}
	}
	return false, nil
}

// accept moves on to m if it is the one that follows.
func (c *cursor) accept(m jetstream.Msg) (Entry, error) {
	entry, meta, err := entryOf(m)
	if err != nil {
		return Entry{}, err
	}
	if meta.Sequence.Consumer != c.delivered+1 {
		return Entry{}, errGap
	}
	c.delivered, c.next, c.wait = meta.Sequence.Consumer, entry.Seq+1, retryFirst
	return entry, nil
}

// deadline is a timer of d that rearm starts again; none for 0.
func deadline(d time.Duration) (expired <-chan time.Time, rearm func()) {
	if d == 0 {
		return nil, func() {}
	}
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Reset(d) }
}

func (c *cursor) batchSize() int {
	if c.headersOnly {
		return pullHeaders
	}
	return pullBodies
}

// close drops the consumer if that can be had at once; else the server does it.
func (c *cursor) close(ctx context.Context) {
	c.js.Conn().RemoveStatusListener(c.changes)
	if c.consumer == nil || !c.js.Conn().IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cursorCleanup)
	defer cancel()
	_ = c.js.DeleteConsumer(ctx, c.stream, c.consumer.CachedInfo().Name)
}
