package storm

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Usage is how full the log is.
type Usage struct {
	Bytes, MaxBytes uint64 // MaxBytes 0 = without bound
	// Unanalysed is how many bytes no analysis covers yet, roughly.
	Unanalysed uint64
	// Discarded is how many of the oldest entries are gone.
	Discarded uint64
}

// Share is the part of MaxBytes that no analysis covers yet.
func (u Usage) Share() float64 {
	if u.MaxBytes == 0 {
		return 0
	}
	return float64(u.Unanalysed) / float64(u.MaxBytes)
}

// Read returns how full the log is now.
func Read(ctx context.Context, js jetstream.JetStream) (Usage, error) {
	stream, err := js.Stream(ctx, topology.Failures)
	if err != nil {
		return Usage{}, fmt.Errorf("look at stream %s: %w", topology.Failures, err)
	}
	info := stream.CachedInfo()
	u := Usage{Bytes: info.State.Bytes, MaxBytes: uint64(max(0, info.Config.MaxBytes)), Discarded: max(info.State.FirstSeq, 1) - 1}
	if info.State.Msgs == 0 {
		return u, nil
	}
	covered, err := analysed(ctx, js)
	if err != nil {
		return Usage{}, err
	}
	covered = max(covered, info.State.FirstSeq-1)
	all := info.State.LastSeq - info.State.FirstSeq + 1
	left := info.State.LastSeq - min(covered, info.State.LastSeq)
	u.Unanalysed = uint64(float64(u.Bytes) * float64(left) / float64(all))
	return u, nil
}

// analysed is the last entry of the log that an analysis covers, with all before
// it.
func analysed(ctx context.Context, js jetstream.JetStream) (uint64, error) {
	consumer, err := js.Consumer(ctx, topology.Windows, topology.Analyst)
	if err != nil {
		return 0, fmt.Errorf("look at consumer %s of stream %s: %w", topology.Analyst, topology.Windows, err)
	}
	info := consumer.CachedInfo()
	stream, err := js.Stream(ctx, topology.Windows)
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", topology.Windows, err)
	}
	for seq := info.AckFloor.Stream; seq > 0; seq-- {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) { // aged away, and those before it
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read window %d: %w", seq, err)
		}
		w, err := event.Decode[event.Window](m.Data)
		if err == nil && w.Run == event.RunLive {
			return w.Hi, nil
		}
	}
	return 0, nil
}
