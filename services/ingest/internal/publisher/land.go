package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
)

// land makes a batch durable: what is new of it goes into the log, then its ids
// into IDS; only then the sessions hear of it. False = ctx ended.
//
// A publish without an answer is unknown, not failed: the end of the log is read
// again, and what is there by now is left out of the next try.
func (p *Publisher) land(ctx context.Context, b *pending) bool {
	var (
		fresh  []*feed.Entry
		result batch.Result
		sent   map[*feed.Entry]struct{} // by a try whose outcome is unknown
	)
	err := p.retry(ctx, "publish failures", func() (err error) {
		if !p.synced {
			if err := p.sync(ctx); err != nil {
				return err
			}
		}
		if fresh, err = p.fresh(ctx, b); err != nil || len(fresh) == 0 {
			return err
		}
		if sent != nil {
			p.meter.Retried()
		}
		if result, err = p.publish(ctx, fresh); err != nil {
			p.synced = false
			sent = setOf(fresh)
		}
		return err
	})
	if err != nil {
		return false
	}
	records := make([]ids.Record, 0, len(fresh))
	for i, e := range fresh {
		if e.IsFailure() {
			records = append(records, ids.Record{Seq: result.First + uint64(i), Started: e.Started, ID: e.Header.ID})
		}
	}
	if len(records) > 0 {
		err = p.retry(ctx, "note the ids of failures", func() error { return p.index.Add(ctx, records, result.Last) })
		if err != nil {
			return false
		}
	}
	p.advance(fresh, result)
	p.count(b, fresh, sent)
	b.landed()
	return true
}

// publish stores entries at the end of the log as we know it.
func (p *Publisher) publish(ctx context.Context, entries []*feed.Entry) (batch.Result, error) {
	messages := make([]*nats.Msg, len(entries))
	at := p.position
	for i, e := range entries {
		if e.Read {
			e.Header.Position = at
		}
		at = e.Header.Position
		messages[i] = Message(e)
	}
	result, err := batch.Publish(ctx, p.js, batch.After(p.last), messages)
	if errors.Is(err, batch.ErrDuplicate) {
		// In the log within [topology.DuplicateWindow], though neither its end nor IDS say
		// so: somebody purged it. One message at a time tells which.
		return p.publishSingly(ctx, entries, messages)
	}
	return result, err
}

// publishSingly publishes the messages that the server doesn't take for ones it
// has, and marks those it does. It always returns an error: the batch is looked at
// again.
func (p *Publisher) publishSingly(ctx context.Context, entries []*feed.Entry, messages []*nats.Msg) (batch.Result, error) {
	for i, e := range entries {
		messages[i] = Message(e)
		ack, err := p.js.PublishMsg(ctx, messages[i], jetstream.WithExpectLastSequence(p.last))
		if err != nil {
			return batch.Result{}, fmt.Errorf("publish a failure: %w", err)
		}
		if !ack.Duplicate {
			p.last = ack.Sequence
			continue
		}
		p.log.Warn("a failure was removed from the log just now and is not put back", "id", e.Header.ID)
		record := ids.Record{Seq: ack.Sequence, Started: e.Started, ID: e.Header.ID}
		if err := p.index.Add(ctx, []ids.Record{record}, 0); err != nil {
			return batch.Result{}, err
		}
	}
	return batch.Result{}, errAgain
}

var errAgain = errors.New("the batch held messages that the server takes for duplicates")

func setOf(entries []*feed.Entry) map[*feed.Entry]struct{} {
	set := make(map[*feed.Entry]struct{}, len(entries))
	for _, e := range entries {
		set[e] = struct{}{}
	}
	return set
}

// advance moves our idea of the log's end.
func (p *Publisher) advance(fresh []*feed.Entry, result batch.Result) {
	if len(fresh) == 0 {
		return
	}
	p.last = result.Last
	h := fresh[len(fresh)-1].Header
	p.position = h.Position
	tail := Tail{Known: true, Position: h.Position, Time: h.Time, Vouched: p.Tail().Vouched}
	for _, e := range fresh {
		if e.Beat != nil {
			tail.Vouched = e.Beat
		}
	}
	p.setTail(tail)
}

// count tells the meter what became of a batch. What a try without an answer
// stored is ours too, and no duplicate.
func (p *Publisher) count(b *pending, fresh []*feed.Entry, sent map[*feed.Entry]struct{}) {
	landed := setOf(fresh)
	duplicates := 0
	for i := range b.entries {
		e := &b.entries[i]
		if !e.IsMessage() {
			continue
		}
		_, now := landed[e]
		_, before := sent[e]
		switch {
		case !now && !before:
			if e.IsFailure() {
				duplicates++
			}
			continue
		case e.IsFailure():
			p.meter.Published(e)
		}
		p.meter.Watermark(e.Header.Time)
	}
	if duplicates > 0 {
		p.meter.Duplicates(duplicates)
	}
}

// fresh returns the entries of a batch that have to go into the log.
func (p *Publisher) fresh(ctx context.Context, b *pending) ([]*feed.Entry, error) {
	fresh := make([]*feed.Entry, 0, b.messages)
	twice := make(map[event.ID]struct{}, b.messages)
	for i := range b.entries {
		e := &b.entries[i]
		switch {
		case !e.IsMessage(), e.Flight != nil && e.Flight.Abandoned():
			continue
		case !e.IsFailure():
			if !p.late(e) {
				fresh = append(fresh, e)
			}
			continue
		case p.passed(e) && time.Since(e.Header.Time) > ids.KnownFor:
			continue
		}
		if _, ok := twice[e.Header.ID]; ok {
			continue
		}
		known, err := p.index.Known(ctx, e.Started, e.Header.ID)
		if err != nil {
			return nil, err
		}
		if !known {
			twice[e.Header.ID] = struct{}{}
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// passed reports whether an entry stood before the end of the log when it was read:
// the server sends again what it wasn't told to be safe. A failure may be missing
// nevertheless, when the server's files are an older copy of themselves, whose log has
// overtaken ours with other rows: its id decides, as long as ids are known.
func (p *Publisher) passed(e *feed.Entry) bool {
	at := e.Header.Position
	return !e.Read && at.SameHistory(p.position) && at.Compare(p.position) <= 0 && (e.Flight == nil || !e.Flight.Rewound)
}

// late reports whether a heartbeat is of an earlier session, behind the end of the
// log by now: positions must not go back, and the next one says more.
func (p *Publisher) late(e *feed.Entry) bool {
	return p.passed(e) && e.Header.Position.Compare(p.position) < 0
}
