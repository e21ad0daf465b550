package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
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
	for _, c := range layout.Strange() {
		s.Log.Warn("a column of LiteLLM's table has a type that is not known here; its values travel as text", "column", c.Name, "type", c.OID)
	}
	return nil
}

func (s *Session) insert(ctx context.Context, m pgoutput.Insert) error {
	layout, known := s.layouts[m.Relation]
	if s.tx == nil || !known {
		return fmt.Errorf("%w: a row outside a transaction or of an unknown table", pgoutput.ErrMalformed)
	}
	if layout == nil || !s.Builder.Wanted(layout, m.Values) {
		return nil
	}
	s.tx.rows++
	if s.Gap.Holding() {
		s.Gap.Held()
		return nil
	}
	at := s.position()
	at.Commit, at.Row = s.tx.commit, s.tx.rows
	e, err := s.Builder.Live(layout, m.Values, at, s.tx.time)
	if err != nil {
		return err
	}
	return s.hand(ctx, e)
}

func (s *Session) commit(ctx context.Context, m pgoutput.Commit) error {
	if s.tx == nil {
		return fmt.Errorf("%w: a commit without a beginning", pgoutput.ErrMalformed)
	}
	rows := s.tx.rows
	if s.vouched.IsZero() {
		// The first transaction of a slot: what was committed before is history, and a
		// backlog can be confirmed while it is read.
		s.vouched = s.tx.time.Time.Add(-heartbeat.Margin)
	}
	s.tx = nil
	if rows > 0 {
		if err := s.hand(ctx, feed.Entry{}); err != nil {
			return err
		}
	}
	return s.receivedTo(ctx, m.End)
}

// receivedTo notes that all before end has been handed over.
func (s *Session) receivedTo(ctx context.Context, end event.LSN) error {
	if s.tx != nil {
		return nil
	}
	s.received = max(s.received, end)
	s.Progress.Set(s.received)
	return s.beat(ctx)
}

// beat hands over the newest heartbeat that is reached, between two transactions.
// Once it is durable the server may be told so: the log itself shows how far the
// slot may have got, and a slot that is further was followed into another log, or
// made anew.
func (s *Session) beat(ctx context.Context) error {
	b, ok := s.Waiting.Take(s.received)
	switch {
	case ok:
		s.vouched = b.Watermark()
	case s.vouched.IsZero() || s.received <= s.flight.Confirmed() || time.Since(s.beaten) < beatEvery:
		return nil
	default: // far behind the database: its log shall not pile up until we are there
	}
	s.beaten = time.Now()
	// received is as good as the LSN that was read, and keeps positions in order.
	h := event.Heartbeat{V: event.Version, Watermark: s.vouched, Position: s.position(), Source: s.Source}
	h.Position.Commit = s.received
	s.Gap.Mark(&h)
	e, err := feed.NewHeartbeat(h)
	if err != nil {
		return err
	}
	e.Confirm = s.received
	return s.hand(ctx, e)
}

// hand puts an entry into the queue. While the queue is full the server goes on
// hearing from us, or it would cut the connection (wal_sender_timeout).
func (s *Session) hand(ctx context.Context, e feed.Entry) error {
	e.Flight = s.flight
	for !s.Queue.Push(e) {
		if s.Gap.Holding() { // it will be read out of the table
			if e.IsFailure() {
				s.Gap.Held()
			}
			return nil
		}
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
	return nil
}
