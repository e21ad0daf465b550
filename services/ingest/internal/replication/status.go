package replication

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// A server in normal times asks for a reply after half its wal_sender_timeout of
	// silence, and we are never that silent. One that is stopping asks thousands of
	// times a second until all its log is confirmed.
	pingTooSoon   = postgres.SenderTimeout / 4
	pingsStopping = 3

	// beatEvery is how often a position is vouched for while no heartbeat is reached.
	beatEvery = 5 * time.Second
)

// keepUp sends the status that is due.
func (s *Session) keepUp(ctx context.Context) error {
	now := time.Now()
	if now.Before(s.status) {
		return nil
	}
	if now.Sub(s.heard) > silence {
		return ErrSilent
	}
	return s.tell(ctx, s.Waiting.Any() || s.Progress.Wanted() || now.Sub(s.heard) > askAfter)
}

// confirmable is the end of what the server may forget: what a durable heartbeat
// vouches for. The server sends nothing for transactions without rows of ours, and
// heartbeats let it drop their log too. While failures are held back it is all we
// received: the table has them, and the next start sees from the slot's position
// that the log hasn't.
func (s *Session) confirmable() event.LSN {
	if s.Gap.Holding() {
		return s.received
	}
	return s.flight.Confirmed()
}

// tell sends a status; ask = the server shall answer with its position.
func (s *Session) tell(ctx context.Context, ask bool) error {
	s.confirm = max(s.confirm, s.confirmable())
	written := max(s.received, s.confirm)
	if s.confirm == 0 {
		// pglogrepl takes a flush position of 0 for "as written": that would confirm
		// what isn't safe.
		written = 0
	}
	err := pglogrepl.SendStandbyStatusUpdate(ctx, s.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: pglogrepl.LSN(written),
		WALFlushPosition: pglogrepl.LSN(s.confirm),
		WALApplyPosition: pglogrepl.LSN(s.confirm),
		ReplyRequested:   ask,
	})
	if err != nil {
		return fmt.Errorf("send the status: %w", err)
	}
	s.told = time.Now()
	s.status = s.told.Add(statusEvery)
	return nil
}

// keepalive handles the server's position and its wish for a reply.
func (s *Session) keepalive(ctx context.Context, data []byte) error {
	k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data)
	if err != nil {
		return fmt.Errorf("%w: %w", pgoutput.ErrMalformed, err)
	}
	if err := s.receivedTo(ctx, event.LSN(k.ServerWALEnd)); err != nil {
		return err
	}
	if !k.ReplyRequested {
		return nil
	}
	return s.ping(ctx, event.LSN(k.ServerWALEnd))
}

// ping answers a wish for a reply. A server that is stopping waits for us for as
// long as we answer without confirming: so the third time we let go. Nothing is
// lost, it sends all again when it is back.
func (s *Session) ping(ctx context.Context, end event.LSN) error {
	safe := s.confirmable() >= end
	switch {
	case safe, time.Since(s.told) > pingTooSoon:
		s.pings = 0
	default:
		s.pings++
	}
	if s.pings >= pingsStopping {
		return ErrStopping
	}
	if safe && s.confirm >= end && time.Since(s.told) < minReply {
		return nil // it was told already, and asked before it heard
	}
	return s.tell(ctx, false)
}

// minReply caps the rate of replies that say nothing new.
const minReply = 10 * time.Millisecond
