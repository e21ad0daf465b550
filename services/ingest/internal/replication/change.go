package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// ahead is how far a commit may be ahead of the database's clock as we know it.
// More means that somebody changed the clock.
const ahead = 10 * time.Second

// change handles one message of the output plugin.
func (s *Session) change(ctx context.Context, data []byte) error {
	message, err := s.decoder.Decode(data)
	if err != nil {
		return err
	}
	switch m := message.(type) {
	case pgoutput.Begin:
		s.tx = &transaction{commit: m.Commit, time: s.commitTime(m.Time)}
	case pgoutput.Relation:
		return s.relation(m)
	case pgoutput.Insert:
		return s.insert(ctx, m)
	case pgoutput.Commit:
		return s.commit(ctx, m)
	}
	return nil
}

// commitTime is the time of a commit, unless it is in the database's future.
func (s *Session) commitTime(t time.Time) failure.Commit {
	now := s.Clock.Now().Truncate(time.Microsecond)
	if t.After(now.Add(ahead)) {
		return failure.Commit{Time: now, Estimated: true}
	}
	return failure.Commit{Time: t}
}

// relation learns the columns of a table. A partitioned one sends two, and its
// rows name the root's.
func (s *Session) relation(m pgoutput.Relation) error {
	layout, err := spendlog.NewLayout(m.Columns)
	if errors.Is(err, spendlog.ErrNotSpendLogs) && m.Name != postgres.SpendLogs {
		s.Log.Warn("the publication sends a table that is not LiteLLM's", "table", m.Name, "error", err)
		s.layouts[m.ID] = nil
		return nil
	}
	if err != nil { // not confirmed: its rows would be lost
		return fmt.Errorf("read the columns of %s: %w", m.Name, err)
	}
	s.layouts[m.ID] = layout
	return nil
}

func (s *Session) insert(ctx context.Context, m pgoutput.Insert) error {
	layout, known := s.layouts[m.Relation]
	if s.tx == nil || !known {
		return fmt.Errorf("%w: a row outside a transaction or of an unknown table", pgoutput.ErrMalformed)
	}
	if layout == nil || !layout.Failed(m.Values) {
		return nil
	}
	s.tx.rows++
	at := s.position()
	at.Commit, at.Row = s.tx.commit, s.tx.rows
	if s.covered(at) {
		s.skipped++
		return nil
	}
	e, err := s.Builder.Live(layout, m.Values, at, s.tx.time)
	if err != nil {
		return err
	}
	return s.hand(ctx, e)
}

// covered reports whether the log holds a row for sure, so that it need not be
// decoded: after an interruption the server sends the whole transaction again. The
// publisher knows more, and looks at every entry.
func (s *Session) covered(at event.Position) bool {
	return at.SameHistory(s.tail) && at.Compare(s.tail) <= 0 && !s.flight.Rewound
}

func (s *Session) commit(ctx context.Context, m pgoutput.Commit) error {
	if s.tx == nil {
		return fmt.Errorf("%w: a commit without a beginning", pgoutput.ErrMalformed)
	}
	rows := s.tx.rows
	s.tx = nil
	s.received = max(s.received, m.End)
	if rows > 0 || !s.flight.Idle() {
		if err := s.hand(ctx, feed.Entry{End: m.End}); err != nil {
			return err
		}
	}
	return s.beat(ctx)
}

// beat hands over the newest heartbeat that is reached, between two transactions.
func (s *Session) beat(ctx context.Context) error {
	if s.tx != nil {
		return nil
	}
	b, ok := s.Waiting.Take(s.received)
	if !ok {
		return nil
	}
	// received is as good as the LSN that was read, and keeps positions in order.
	h := event.Heartbeat{V: event.Version, Watermark: b.Watermark(), Position: s.position()}
	h.Position.Commit = s.received
	data, err := event.Encode(&h)
	if err != nil {
		return fmt.Errorf("encode a heartbeat: %w", err)
	}
	return s.hand(ctx, feed.Entry{
		Subject: topology.HeartbeatSubject, Data: data,
		Header: event.Header{Position: h.Position, Time: h.Watermark},
	})
}

// hand puts an entry into the queue. While the queue is full the server goes on
// hearing from us, or it would cut the connection (wal_sender_timeout).
func (s *Session) hand(ctx context.Context, e feed.Entry) error {
	e.Flight, e.Skipped = s.flight, s.skipped
	for !s.Queue.Push(e) {
		if err := s.keepUp(ctx); err != nil {
			return err
		}
		timer := time.NewTimer(time.Until(s.status))
		select {
		case <-ctx.Done():
		case <-s.Queue.Room():
		case <-timer.C:
		}
		timer.Stop()
		s.heard = time.Now() // we are the ones who don't listen
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	s.skipped = 0
	return nil
}
