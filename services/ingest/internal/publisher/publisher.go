// Package publisher is the one goroutine that writes the log: it lands what comes
// through the feed, each failure once, whatever broke in between.
package publisher

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
)

const (
	// linger is how long a batch waits for the rest of its transaction. While we are
	// behind it waits as long again for as often as something came, at most mostLinger in
	// all: the server spends milliseconds on every batch.
	linger     = 20 * time.Millisecond
	mostLinger = 100 * time.Millisecond
	// behind is how old a commit is that belongs to a backlog.
	behind = time.Second

	retryFirst = 50 * time.Millisecond
	retryMost  = 5 * time.Second
	logEvery   = time.Minute
)

// Meter counts what the publisher does.
type Meter interface {
	// Published is told of every failure that is durable now.
	Published(e *feed.Entry)
	// Duplicates is told how many rows were in the log already.
	Duplicates(n int)
	// Retried is told of every publish that has to be repeated.
	Retried()
	// Watermark is told up to when nothing is missing, as far as is durable.
	Watermark(t time.Time)
}

// Publisher lands the entries of a queue.
type Publisher struct {
	js    jetstream.JetStream
	queue *feed.Queue
	index *ids.Index
	meter Meter
	log   *slog.Logger

	// Owned by Run.
	last     uint64 // sequence of the log's end
	synced   bool   // last, tail and index are those of the stream
	position event.Position
	warned   time.Time // when trouble was logged last

	mu       sync.Mutex // of what others see
	tail     Tail
	troubled time.Time // since when nothing could be written; zero = it can
}

// Tail is the end of the log.
type Tail struct {
	Known    bool // false: the log is empty
	Position event.Position
	Time     time.Time // commit time or watermark
	// Vouched is the last heartbeat; nil = there is none.
	Vouched *event.Heartbeat
}

// New returns a publisher that has not looked at the log yet. index is what it
// notes ids in.
func New(js jetstream.JetStream, queue *feed.Queue, index *ids.Index, meter Meter, log *slog.Logger) *Publisher {
	return &Publisher{js: js, queue: queue, index: index, meter: meter, log: log}
}

// Troubled is since when nothing could be written; zero when that went well last.
func (p *Publisher) Troubled() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.troubled
}

func (p *Publisher) setTroubled(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !yes:
		p.troubled = time.Time{}
	case p.troubled.IsZero():
		p.troubled = time.Now()
	}
}

// Tail is the end of the log as it was when we last wrote or read it.
func (p *Publisher) Tail() Tail {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tail
}

// Vouched is the last heartbeat of the log as we know it; nil = there is none.
func (p *Publisher) Vouched() *event.Heartbeat { return p.Tail().Vouched }

// ReadTail reads the end of the log, where another process may have written; without
// an answer it is as we know it.
func (p *Publisher) ReadTail(ctx context.Context) Tail {
	stream, err := p.js.Stream(ctx, topology.Failures)
	if err != nil {
		return p.Tail()
	}
	tail, err := readTail(ctx, p.js, stream, stream.CachedInfo().State)
	if err != nil {
		return p.Tail()
	}
	return tail
}

func (p *Publisher) setTail(t Tail) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail = t
}

// Sync reads the end of the log, and retries until it can. It is called once,
// before Run.
func (p *Publisher) Sync(ctx context.Context) error {
	return p.retry(ctx, "read the end of the log", func() error { return p.sync(ctx) })
}

// Run lands entries until ctx ends, and returns nil then. Trouble with the broker
// is waited out: nothing is dropped, the queue fills.
func (p *Publisher) Run(ctx context.Context) error {
	for {
		b, ok := p.collect(ctx)
		if !ok {
			return nil
		}
		if !p.land(ctx, b) {
			return nil
		}
	}
}

// collect waits for the next entries; false = ctx ended.
func (p *Publisher) collect(ctx context.Context) (*pending, bool) {
	b := &pending{}
	var (
		began time.Time
		late  <-chan time.Time
	)
	for {
		more := p.take(b)
		if b.full() || b.whole() {
			return b, true
		}
		if more && late == nil {
			began, late = time.Now(), time.After(linger)
		}
		ready := p.queue.Ready()
		if b.backlog {
			ready = nil // to be woken for every row takes CPU that the server needs
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-late:
			if !b.backlog || !p.take(b) || time.Since(began) > mostLinger {
				return b, true
			}
			late = time.After(linger)
		case <-ready:
		}
	}
}

// take moves what is in the queue into b, until it is full, and reports whether
// there was something.
func (p *Publisher) take(b *pending) (some bool) {
	for !b.full() {
		e, ok := p.queue.Pop()
		if !ok {
			break
		}
		b.add(e)
		some = true
	}
	return some
}

// retry repeats try, with growing pauses, until it succeeds (true as a nil error)
// or ctx ends. The first failure is logged, then one a minute.
func (p *Publisher) retry(ctx context.Context, what string, try func() error) error {
	pause := retryFirst
	for {
		err := try()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.setTroubled(err != nil)
		if err == nil {
			return nil
		}
		if time.Since(p.warned) > logEvery {
			p.warned = time.Now()
			p.log.Warn("no answer from NATS, trying again until there is one", "step", what, "error", err)
		}
		if !lifecycle.Pause(ctx, pause) {
			return ctx.Err()
		}
		pause = min(2*pause, retryMost)
	}
}
