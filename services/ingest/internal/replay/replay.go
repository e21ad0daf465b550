// Package replay reads failures out of LiteLLM's table on request and puts them on
// a stream of their own.
package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	reachFor   = 30 * time.Second
	reachEvery = time.Second
)

// Config is what a replayer needs.
type Config struct {
	Dialer    *postgres.Dialer
	Schema    string
	Rescued   bool // ingest.include_rescued
	Builder   *failure.Builder
	Names     Names
	JetStream jetstream.JetStream
	Log       *slog.Logger
}

// Names are the aliases of keys.
type Names interface {
	// Load reads them, unless it has; they are no reason not to go on.
	Load(ctx context.Context, conn *pgx.Conn)
}

// Replayer answers requests.
type Replayer struct{ Config }

// New returns a replayer.
func New(c Config) *Replayer { return &Replayer{c} }

// Replay puts the rows of a request on its subject, then the end marker. A request
// whose end marker is there was answered; one that was cut short begins anew. Rows
// that can't be read make an end marker that says why; the error is one of NATS.
func (r *Replayer) Replay(ctx context.Context, request event.ReplayRequest) error {
	_, done, err := bus.Last(ctx, r.JetStream, topology.Replays, topology.ReplayEndSubject(request.ID))
	if err != nil || done {
		return err
	}
	stream, err := r.JetStream.Stream(ctx, topology.Replays)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", topology.Replays, err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(topology.ReplaySubject(request.ID))); err != nil {
		return fmt.Errorf("purge what is left of replay %s: %w", request.ID, err)
	}
	end := event.ReplayEnd{V: event.Version, Request: request, Lo: 1}
	began := time.Now()
	err = r.fill(ctx, &end)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if wrong, ok := errors.AsType[*queryError](err); ok {
		end.Failed = wrong.Error()
		r.Log.Warn("replay failed", "replay", request.ID, "error", wrong)
		err = nil
	}
	if errors.Is(err, batch.ErrFull) {
		end.Failed = fmt.Sprintf("stream %s takes no more rows: choose a narrower range or a --limit, or raise nats.max_bytes (FAULTWIRE_NATS_MAX_BYTES): %v", topology.Replays, err)
		r.Log.Warn("replay failed", "replay", request.ID, "error", err)
		err = nil
	}
	if err != nil {
		return err
	}
	data, err := event.Encode(&end)
	if err != nil {
		return err
	}
	if _, err := bus.PublishOnce(ctx, r.JetStream, topology.ReplayEndSubject(request.ID), data); err != nil {
		return err
	}
	r.Log.Info("replay read", "replay", request.ID, "failures", end.N, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// fill reads and publishes the rows and completes the end marker.
func (r *Replayer) fill(ctx context.Context, end *event.ReplayEnd) error {
	conn, err := r.reach(ctx)
	if err != nil {
		return &queryError{err}
	}
	defer postgres.Close(ctx, conn)
	table, err := postgres.FindTable(ctx, conn, r.Schema, r.Rescued)
	if err != nil {
		return &queryError{err}
	}
	r.Names.Load(ctx, conn)
	q := newQuery(table, end.Request)
	end.Start, end.End = q.start, q.end
	counts, err := q.count(ctx, conn)
	if err != nil {
		return err
	}
	out := writer{js: r.JetStream, end: end}
	subject := topology.ReplaySubject(end.Request.ID)
	for row, err := range q.rows(ctx, conn) {
		if err != nil {
			return err
		}
		e, err := r.Builder.Replayed(row.Layout, row.Values, subject, end.N+1)
		if err != nil {
			return &queryError{err}
		}
		end.N++
		if err := out.add(ctx, &e); err != nil {
			return err
		}
	}
	if err := out.flush(ctx); err != nil {
		return err
	}
	end.Funnel = q.funnel(counts, end.N)
	if err := q.suggest(ctx, conn, end.Funnel); err != nil { // a help, no part of the answer
		r.Log.Warn("can't look for names like those asked for", "replay", end.Request.ID, "error", err)
	}
	if end.Rate, err = q.rate(ctx, conn); err != nil {
		r.Log.Warn("the report says nothing of how many requests there were", "replay", end.Request.ID, "error", err)
	}
	return nil
}

// reach connects, and tries for 30 s when the database doesn't answer.
func (r *Replayer) reach(ctx context.Context) (*pgx.Conn, error) {
	deadline := time.Now().Add(reachFor)
	ticker := time.NewTicker(reachEvery)
	defer ticker.Stop()
	for {
		conn, err := r.Dialer.SQL(ctx)
		if err == nil || postgres.IsSettings(err) || time.Now().After(deadline) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// writer publishes rows in batches.
type writer struct {
	js       jetstream.JetStream
	end      *event.ReplayEnd
	messages []*nats.Msg
	bytes    int
}

func (w *writer) add(ctx context.Context, e *feed.Entry) error {
	m := &nats.Msg{Subject: e.Subject, Data: e.Data, Header: nats.Header{}}
	h := e.Header
	// Not as a message id: another replay of the same row would be taken for a
	// duplicate.
	h.ID = event.ID{}
	topology.WriteHeader(m.Header, h)
	w.messages = append(w.messages, m)
	w.bytes += e.Size()
	if len(w.messages) < batch.MaxMessages && w.bytes < batch.MaxBytes {
		return nil
	}
	return w.flush(ctx)
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.messages) == 0 {
		return nil
	}
	// Each batch follows the last: another process that took the request over ends
	// this one.
	result, err := batch.Publish(ctx, w.js, batch.AfterOnSubject(w.end.Hi), w.messages)
	if err != nil {
		return err
	}
	if w.end.Hi == 0 {
		w.end.Lo = result.First
	}
	w.end.Hi = result.Last
	w.messages, w.bytes = w.messages[:0], 0
	return nil
}
