package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/batch"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
)

// sync reads the end of the log and notes in IDS what isn't noted there yet: at
// most one batch of ours, unless another process wrote.
func (p *Publisher) sync(ctx context.Context) error {
	stream, err := p.js.Stream(ctx, topology.Failures)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", topology.Failures, err)
	}
	state := stream.CachedInfo().State
	if state.LastSeq != p.last {
		p.index.Forget()
	}
	tail, err := readTail(ctx, p.js, stream, state)
	if err != nil {
		return err
	}
	if err := p.reindex(ctx, state); err != nil {
		return err
	}
	p.last, p.position, p.synced = state.LastSeq, tail.Position, true
	p.setTail(tail)
	if tail.Known {
		p.meter.Watermark(tail.Time)
	}
	return nil
}

func readTail(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, state jetstream.StreamState) (Tail, error) {
	if state.Msgs == 0 {
		return Tail{}, nil
	}
	last, err := readLast(ctx, js, stream, state.LastSeq)
	if err != nil {
		return Tail{}, err
	}
	h, err := topology.ReadHeader(last.Header)
	if err != nil {
		return Tail{}, fmt.Errorf("read the end of stream %s: %w", topology.Failures, err)
	}
	tail := Tail{Known: true, Position: h.Position, Time: h.Time}
	tail.Vouched, err = readVouched(ctx, js)
	return tail, err
}

func readLast(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, seq uint64) (bus.Entry, error) {
	m, err := stream.GetMsg(ctx, seq)
	if err == nil {
		return bus.Entry{Header: m.Header}, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return bus.Entry{}, fmt.Errorf("read the end of stream %s: %w", topology.Failures, err)
	}
	// Somebody deleted the last entry. An earlier end skips less, and ids do the rest.
	last, found, err := bus.Last(ctx, js, topology.Failures, topology.AllFailures)
	if err == nil && !found {
		err = fmt.Errorf("read the end of stream %s: %w", topology.Failures, jetstream.ErrMsgNotFound)
	}
	return last, err
}

// readVouched returns the last heartbeat, nil when there is none.
func readVouched(ctx context.Context, js jetstream.JetStream) (*event.Heartbeat, error) {
	last, found, err := bus.Last(ctx, js, topology.Failures, topology.HeartbeatSubject)
	if err != nil || !found {
		return nil, err
	}
	h, err := event.Decode[event.Heartbeat](last.Data)
	if err != nil {
		return nil, fmt.Errorf("read the last heartbeat of stream %s: %w", topology.Failures, err)
	}
	return &h, nil
}

// reindex notes the ids of the log's last entries.
func (p *Publisher) reindex(ctx context.Context, state jetstream.StreamState) error {
	through, found, err := p.index.Through(ctx, state.LastSeq)
	if err != nil {
		return err
	}
	if !found && state.LastSeq > batch.MaxMessages {
		// Aged away, since nothing failed for two weeks: only the last batch can be
		// without its ids.
		through = state.LastSeq - batch.MaxMessages
	}
	if through == state.LastSeq {
		return nil
	}
	var records []ids.Record
	flush := func(seq uint64) error {
		err := p.index.Add(ctx, records, seq)
		records = records[:0]
		return err
	}
	for entry, err := range bus.Scan(ctx, p.js, bus.Range{Stream: topology.Failures, Lo: through + 1, Hi: state.LastSeq}) {
		if err != nil {
			return fmt.Errorf("read the end of stream %s: %w", topology.Failures, err)
		}
		if entry.Subject == topology.HeartbeatSubject {
			continue
		}
		f, err := event.Decode[event.Failure](entry.Data)
		if err != nil {
			return fmt.Errorf("read entry %d of stream %s: %w", entry.Seq, topology.Failures, err)
		}
		records = append(records, ids.Record{Seq: entry.Seq, Started: f.Started, ID: f.ID})
		if len(records) == batch.MaxMessages {
			if err := flush(entry.Seq); err != nil {
				return err
			}
		}
	}
	if len(records) > 0 {
		return flush(state.LastSeq)
	}
	return nil
}
