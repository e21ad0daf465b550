package replay

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	// pullWait is short so that a stop need not cut off a pull, whose message would
	// be given out again only after a minute.
	pullWait   = time.Second
	retryAfter = 5 * time.Second
	ackTimeout = 5 * time.Second
	warnEvery  = time.Minute
)

// Run answers the requests on REQUESTS, one after the other, until ctx ends (nil).
// Any number of processes may.
func (r *Replayer) Run(ctx context.Context) error {
	var warned time.Time
	for ctx.Err() == nil {
		err := r.next(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if time.Since(warned) > warnEvery {
			warned = time.Now()
			r.Log.Warn("can't look for replays, trying again", "error", err)
		}
		lifecycle.Pause(ctx, pullWait)
	}
	return nil
}

// next waits a second for a request and answers it.
func (r *Replayer) next(ctx context.Context) error {
	consumer, err := r.JetStream.Consumer(ctx, topology.Requests, topology.Replayer)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		pulled, err := consumer.Fetch(1, jetstream.FetchMaxWait(pullWait))
		if err != nil {
			return err
		}
		for m := range pulled.Messages() {
			r.answer(ctx, m)
		}
		if err := pulled.Error(); err != nil && !errors.Is(err, jetstream.ErrNoMessages) {
			return err
		}
	}
	return nil
}

// answer handles one request and says what became of it.
func (r *Replayer) answer(ctx context.Context, m jetstream.Msg) {
	request, err := event.Decode[event.ReplayRequest](m.Data())
	switch {
	case errors.Is(err, event.ErrVersion): // for another process, or for us when upgraded
		r.Log.Warn("a replay is left for a later version", "subject", m.Subject(), "error", err)
		_ = m.NakWithDelay(topology.AckWait)
		return
	case err == nil && topology.RequestSubject(request.ID) != m.Subject():
		err = errOtherID
		fallthrough
	case err != nil:
		r.Log.Error("a request for a replay can't be read and is dropped", "subject", m.Subject(), "error", err)
		_ = m.TermWithReason(err.Error())
		return
	}
	err = r.replay(ctx, m, request)
	// The answer goes out although ctx may have ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	switch {
	case err == nil:
		if err := m.DoubleAck(ctx); err != nil { // comes again, and its end marker is there
			r.Log.Warn("a replay is done but NATS was not told", "replay", request.ID, "error", err)
		}
	case errors.Is(err, context.Canceled):
		_ = m.Nak()
	default:
		r.Log.Warn("replay interrupted, beginning anew", "replay", request.ID, "after", retryAfter, "error", err)
		_ = m.NakWithDelay(retryAfter)
	}
}

var errOtherID = errors.New("the request's id is not that of its subject")

// replay answers a request and meanwhile says that it is being worked on.
func (r *Replayer) replay(ctx context.Context, m jetstream.Msg, request event.ReplayRequest) error {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(topology.AckWait / 3)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				_ = m.InProgress()
			}
		}
	}()
	defer func() { close(done); <-stopped }()
	return r.Replay(ctx, request)
}
