package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Retries of an error on the spot, after 0.2, 0.8 and 2 s (Watermill doubles the
// interval twice for each); then the message goes back to the stream, which delivers
// it again (SubscriberConfig.NackDelay), and others get their turn.
const (
	retries       = 3
	retryInterval = 100 * time.Millisecond
	retryMaximum  = 2 * time.Second
)

// RouterConfig configures [NewRouter].
type RouterConfig struct {
	Log        *slog.Logger          // required
	Registerer prometheus.Registerer // required; several routers may share one
	JetStream  jetstream.JetStream   // required: where dead letters go
	// CloseTimeout is how long handlers have to end. Default 5 s.
	CloseTimeout time.Duration
}

// NewRouter makes a Watermill router whose handlers, fed by a [Subscriber], may
// return any error:
//
//   - [Permanent]: the message goes to DEAD_LETTERS and never comes again;
//   - [Delay]: it comes again after that time;
//   - the end of the message's context: another worker has it at once;
//   - any other, and a panic: it is retried a few times on the spot, then
//     delivered again, later each time, for ever.
//
// Its metrics are faultwire_handler_duration_seconds and
// faultwire_dead_letters_total.
func NewRouter(config RouterConfig) (*message.Router, error) {
	if config.CloseTimeout == 0 {
		config.CloseTimeout = DefaultCloseTimeout
	}
	counted, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, err
	}
	// What the router does is news to developers only.
	logger := watermill.NewSlogLoggerWithLevelMapping(config.Log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: config.CloseTimeout}, logger)
	if err != nil {
		return nil, fmt.Errorf("make the router: %w", err)
	}
	j := &judge{js: config.JetStream, log: config.Log, dead: counted.dead}
	router.AddMiddleware( // the first is the outermost
		j.middleware,
		middleware.Retry{
			MaxRetries: retries, InitialInterval: retryInterval, MaxInterval: retryMaximum, Multiplier: 2,
			ShouldRetry: j.shouldRetry, ResetContextOnRetry: true,
		}.Middleware,
		counted.middleware,
		middleware.Recoverer,
	)
	return router, nil
}

// Run runs the router until ctx ends; then it returns nil. It is an error
// (ErrEnded) that all handlers have ended before: their consumers or the connection
// are gone, see [Subscriber.Err].
func Run(ctx context.Context, router *message.Router, subscribers ...*Subscriber) error {
	if err := router.Run(ctx); err != nil {
		err = fmt.Errorf("run the router: %w", err)
		for _, s := range subscribers { // those it had started: it doesn't wait for them
			err = errors.Join(err, s.Close())
		}
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	errs := []error{ErrEnded}
	for _, s := range subscribers {
		errs = append(errs, s.Err())
	}
	return errors.Join(errs...)
}

// judge decides what becomes of a message whose handler returned an error.
type judge struct {
	js   jetstream.JetStream
	log  *slog.Logger
	dead *prometheus.CounterVec
}

// shouldRetry tells whether the next try makes sense right here.
func (j *judge) shouldRetry(p middleware.RetryParams) bool {
	_, later := delayOf(p.Err)
	if later || IsPermanent(p.Err) || errors.Is(p.Err, context.Canceled) {
		return false
	}
	j.log.Debug("handler failed, trying again", "error", p.Err, "try", p.RetryNum+1)
	return true
}

// middleware nacks and logs by itself: to the router every nack is an error.
func (j *judge) middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		ctx := msg.Context()
		produced, err := h(msg)
		d := deliveryOf(ctx)
		if err == nil || d == nil {
			return produced, err
		}
		j.decide(ctx, d, err)
		msg.Nack()
		return nil, nil
	}
}

func (j *judge) decide(ctx context.Context, d *delivery, err error) {
	handler := message.HandlerNameFromCtx(ctx)
	log := j.log.With("handler", handler, "subject", d.entry.Subject, "seq", d.entry.Seq, "delivery", d.meta.NumDelivered)
	if delay, later := delayOf(err); later {
		d.again = delay
		log.Debug("message postponed", "reason", err, "delay", delay)
		return
	}
	if IsPermanent(err) {
		reason := cmp.Or(oneLine(err), "no reason given")
		if unburied := bury(ctx, j.js, d, reason); unburied != nil {
			log.Error("message can't be handled, and can't be put aside", "error", errors.Join(err, unburied))
			return
		}
		d.dead = reason
		j.dead.WithLabelValues(handler).Inc()
		log.Error("message can't be handled, put aside as a dead letter", "error", err)
		return
	}
	if ctx.Err() != nil {
		log.Debug("message interrupted", "error", err)
		return
	}
	log.Warn("message not handled, it will come again", "error", err)
}
