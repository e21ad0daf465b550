package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

const (
	// fetchWait bounds a pull request, and with it how long Close waits for one. It
	// is never cut short: the server may have sent a message already, which would
	// then be lost to everybody for the consumer's AckWait.
	fetchWait  = 500 * time.Millisecond
	ackTimeout = 5 * time.Second
	askTimeout = 2 * time.Second // for whether the consumer is still there
)

// subscription feeds one channel from one consumer.
type subscription struct {
	js       jetstream.JetStream
	config   SubscriberConfig
	log      *slog.Logger
	stream   string
	name     string
	consumer jetstream.Consumer
	ackWait  time.Duration
	out      chan *message.Message

	troubled  bool
	goneSince time.Time
}

// run returns nil when ctx ended, else why it can't go on.
func (s *subscription) run(ctx context.Context) error {
	wait := retryFirst
	for ctx.Err() == nil {
		m, err := s.fetch()
		switch {
		case err != nil:
			if err := s.diagnose(ctx, err); err != nil {
				return err
			}
			lifecycle.Pause(ctx, wait)
			wait = min(2*wait, retryMost)
			continue
		case s.troubled:
			s.log.Info("fetching messages again")
			s.troubled, s.goneSince = false, time.Time{}
		}
		wait = retryFirst
		if m != nil {
			s.deliver(ctx, m)
		}
	}
	return nil
}

// fetch returns nil when there is no message now.
func (s *subscription) fetch() (jetstream.Msg, error) {
	if conn := s.js.Conn(); !conn.IsConnected() && !conn.IsClosed() {
		return nil, errReconnected // a request would be sent when nobody waits for the answer
	}
	batch, err := s.consumer.Fetch(1, jetstream.FetchMaxWait(fetchWait))
	if err != nil {
		return nil, err
	}
	if m := <-batch.Messages(); m != nil {
		return m, nil
	}
	return nil, batch.Error()
}

// diagnose returns an error when fetching makes no sense any more. A server without a
// leader, or one that is just starting, looks as if the consumer were gone.
func (s *subscription) diagnose(ctx context.Context, err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("fetch from %s of stream %s: %w", s.name, s.stream, err)
	}
	if !s.troubled {
		s.log.Warn("can't fetch messages, trying on", "error", err)
		s.troubled = true
	}
	if errors.Is(err, errReconnected) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err = s.js.Consumer(ctx, s.stream, s.name)
	if !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		s.goneSince = time.Time{}
		return nil
	}
	if s.goneSince.IsZero() {
		s.goneSince = time.Now()
	}
	if time.Since(s.goneSince) > goneFor {
		return fmt.Errorf("consumer %s of stream %s is gone: %w", s.name, s.stream, err)
	}
	return nil
}

// deliver gives m to the channel and waits for the verdict.
func (s *subscription) deliver(ctx context.Context, m jetstream.Msg) {
	d, err := newDelivery(m)
	if err != nil { // not from JetStream: nothing to ack
		s.log.Error("message dropped", "error", err)
		return
	}
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	msg := d.message(work)
	progress := time.NewTicker(s.ackWait / 3)
	defer progress.Stop()
	offer, stopping := s.out, ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case offer <- msg:
			offer = nil
		case <-msg.Acked():
			cancel()
			s.ack(ctx, d)
			return
		case <-msg.Nacked():
			cancel()
			s.nack(ctx, d)
			return
		case <-progress.C:
			if err := m.InProgress(); err != nil {
				s.log.Debug("progress not told", "seq", d.entry.Seq, "error", err)
			}
		case <-stopping:
			if offer != nil { // nobody has seen it
				s.nack(ctx, d)
				return
			}
			stopping, late = nil, time.After(s.config.CloseTimeout)
		case <-late:
			s.log.Warn("message not done in time, another worker will have it", "seq", d.entry.Seq, "subject", d.entry.Subject)
			s.giveBack(d, m.Nak())
			return
		}
	}
}

// ack waits for the server's receipt, also when ctx is over: the work is done.
func (s *subscription) ack(ctx context.Context, d *delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	if err := d.msg.DoubleAck(ctx); err != nil {
		s.log.Warn("ack not confirmed, the message may come again", "seq", d.entry.Seq, "subject", d.entry.Subject, "error", err)
	}
}

// nack does what the router has decided. A message that was merely interrupted is
// for another worker at once.
func (s *subscription) nack(ctx context.Context, d *delivery) {
	switch {
	case d.dead != "":
		s.giveBack(d, d.msg.TermWithReason(d.dead))
	case d.again > 0:
		s.giveBack(d, d.msg.NakWithDelay(d.again))
	case ctx.Err() != nil:
		s.giveBack(d, d.msg.Nak())
	default:
		s.giveBack(d, d.msg.NakWithDelay(s.nackDelay(d.meta.NumDelivered)))
	}
}

func (s *subscription) giveBack(d *delivery, err error) {
	if err != nil {
		s.log.Warn("nack not sent, the message comes again after the ack wait", "seq", d.entry.Seq, "subject", d.entry.Subject, "error", err)
	}
}

// nackDelay is what delivery number n costs.
func (s *subscription) nackDelay(n uint64) time.Duration {
	delay := s.config.NackDelay
	for ; n > 1 && delay < s.config.MaxNackDelay; n-- {
		delay *= 2
	}
	return min(delay, s.config.MaxNackDelay)
}
