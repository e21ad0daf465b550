// Package replication follows the slot: it receives transactions, hands their
// failures over, and tells the server how far everything is safe.
package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/heartbeat"
	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const (
	statusEvery = time.Second
	// silence is how long the server may say nothing. A large transaction of other
	// tables keeps it quiet for half its wal_sender_timeout.
	silence  = postgres.SenderTimeout
	askAfter = 10 * time.Second // of silence: ask for a sign of life

	closeTimeout = 2 * time.Second
)

// Config is what a session needs.
type Config struct {
	Slot        string
	Publication string
	Queue       *feed.Queue
	Builder     *failure.Builder
	Clock       *postgres.Clock // the database's, read before the session starts
	Waiting     *heartbeat.Waiting
	// Source is that of heartbeats.
	Source string
	// Gap is what heartbeats name; while it holds, failures are passed over.
	Gap *gap.State
	// Progress is told how far all was handed over.
	Progress *feed.Progress
	Log      *slog.Logger
}

// Session follows the slot on one connection.
type Session struct {
	Config
	conn   *pgconn.PgConn
	system pglogrepl.IdentifySystemResult
	flight *feed.Flight
	notice error // an error that the server calls a warning
	held   bool  // the server waits for a standby, and it was said

	decoder pgoutput.Decoder
	layouts map[uint32]*spendlog.Layout // by relation id; nil = not LiteLLM's table
	tx      *transaction                // nil between two
	vouched time.Time                   // of the last heartbeat; zero = there is none
	// received: every transaction that ends at or before it has come.
	received event.LSN
	beaten   time.Time // when the last heartbeat was handed over
	confirm  event.LSN // what the server was told
	heard    time.Time
	status   time.Time // when the next one is due
	deadline time.Time // of reading
	told     time.Time // when the last one was sent
	pings    int
}

// transaction is the one that is being received.
type transaction struct {
	commit event.LSN
	time   failure.Commit
	rows   int // failures so far
}

// Open takes over a replication connection of [postgres.Dialer] and begins to follow:
// from now on nobody else moves the slot.
func Open(ctx context.Context, c Config, conn *pgconn.PgConn) (*Session, error) {
	s := &Session{Config: c, conn: conn, flight: &feed.Flight{}, layouts: map[uint32]*spendlog.Layout{}}
	var err error
	if s.system, err = pglogrepl.IdentifySystem(ctx, conn); err != nil {
		return nil, fmt.Errorf("identify the server: %w", err)
	}
	// At 0/0: the slot knows its place. A position of ours could be ahead of it after
	// a failover, and the server would skip what lies between without a word.
	err = pglogrepl.StartReplication(ctx, conn, postgres.Quote(c.Slot), 0, pglogrepl.StartReplicationOptions{
		Mode:       pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '1'", "publication_names " + publicationNames(c.Publication)},
	})
	if err != nil {
		return nil, fmt.Errorf("follow slot %q: %w", c.Slot, err)
	}
	return s, nil
}

// publicationNames is a string constant that holds a list of identifiers.
func publicationNames(name string) string { return postgres.Literal(postgres.Quote(name)) }

// Resume tells the session, before it runs, where the log ends, and up to when its
// last heartbeat vouches for it (zero if it has none). It reports whether the server
// goes on in the history that the log was read in: false after a failover, or when it
// was restored from a copy.
func (s *Session) Resume(tail event.Position, vouched time.Time) (same bool) {
	s.vouched = vouched
	if tail.SameHistory(s.position()) && event.LSN(s.system.XLogPos) < tail.Commit {
		s.flight.Rewound = true
		s.Log.Warn("the database's log ends before what was read of it: restored from a copy? Rows are told apart by their ids now",
			"database", event.LSN(s.system.XLogPos), "log", tail.Commit)
	}
	return !s.flight.Rewound && tail.SameHistory(s.position())
}

// Notice takes a notice of the connection.
func (s *Session) Notice(n *pgconn.Notice) {
	switch {
	case n.Code != postgres.StateNotInState:
	case n.File == "slot.c":
		// From PostgreSQL 17 on: it waits for a standby before it sends more. Texts are
		// translated, the name of the source file isn't.
		if !s.held {
			s.held = true
			s.Log.Warn("no progress: the database sends nothing until a standby named in synchronized_standby_slots has its log: bring the standby up, or take it out of that setting",
				"reason", n.Message, "detail", n.Detail)
		}
	default:
		// PostgreSQL 18 only warns when the publication is gone, then skips everything;
		// to confirm what it skipped would lose it for good.
		s.notice = fmt.Errorf("%w: %s", ErrSkipped, n.Message)
	}
}

// Run receives until ctx ends (nil) or the session does (why). It closes the
// connection.
func (s *Session) Run(ctx context.Context) error {
	defer s.close(ctx)
	defer context.AfterFunc(ctx, func() { _ = s.conn.Conn().SetReadDeadline(time.Unix(1, 0)) })()
	s.heard, s.status, s.beaten = time.Now(), time.Now(), time.Now()
	for {
		if err := s.keepUp(ctx); err != nil {
			return err
		}
		message, err := s.receive(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil && message != nil {
			s.heard = time.Now()
			err = s.take(ctx, message)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = s.notice
		}
		if err != nil {
			return err
		}
	}
}

// receive returns nil, nil when the next status is due. The connection has the deadline
// itself: a context for every message takes 1 KB and a microsecond.
func (s *Session) receive(ctx context.Context) (pgproto3.BackendMessage, error) {
	if !s.status.Equal(s.deadline) {
		s.deadline = s.status
		if err := s.conn.Conn().SetReadDeadline(s.deadline); err != nil {
			return nil, fmt.Errorf("receive from the server: %w", err)
		}
		if ctx.Err() != nil { // its deadline may have been set before this one
			return nil, ctx.Err()
		}
	}
	message, err := s.conn.ReceiveMessage(context.WithoutCancel(ctx))
	switch {
	case err == nil:
		return message, nil
	case pgconn.Timeout(err):
		return nil, nil
	}
	return nil, fmt.Errorf("receive from the server: %w", err)
}

// take handles one message of the connection.
func (s *Session) take(ctx context.Context, message pgproto3.BackendMessage) error {
	switch m := message.(type) {
	case *pgproto3.CopyData:
		if len(m.Data) == 0 {
			return fmt.Errorf("%w: empty CopyData", pgoutput.ErrMalformed)
		}
		if m.Data[0] == pglogrepl.PrimaryKeepaliveMessageByteID {
			return s.keepalive(ctx, m.Data[1:])
		}
		if m.Data[0] != pglogrepl.XLogDataByteID {
			return nil
		}
		x, err := pglogrepl.ParseXLogData(m.Data[1:])
		if err != nil {
			return fmt.Errorf("%w: %w", pgoutput.ErrMalformed, err)
		}
		return s.change(ctx, x.WALData)
	case *pgproto3.ErrorResponse:
		return fmt.Errorf("follow slot %q: %w", s.Slot, pgconn.ErrorResponseToPgError(m))
	case *pgproto3.CopyDone, *pgproto3.CommandComplete:
		return ErrEnded
	}
	return nil // notices and parameters have been dealt with
}

func (s *Session) position() event.Position {
	return event.Position{System: s.system.SystemID, Timeline: s.system.Timeline}
}

// close tells the server a last time how far all is safe.
func (s *Session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if !s.conn.IsClosed() && s.notice == nil {
		_ = s.tell(ctx, false) // the server sends again what it wasn't told
	}
	_ = s.conn.Close(ctx)
}

var (
	// ErrSkipped: the server passes over changes because the publication is gone.
	ErrSkipped = errors.New("the server skips changes")
	// ErrEnded: the server ended the stream, as it does when it stops.
	ErrEnded = errors.New("the server ended the stream")
	// ErrStopping: the server is shutting down and waits for a confirmation that we
	// can't give yet.
	ErrStopping = errors.New("the server is stopping")
	// ErrSilent: nothing was heard of the server for 60 s.
	ErrSilent = errors.New("the server said nothing for a minute")
)
