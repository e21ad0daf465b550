package totals

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// known is what TRAFFIC holds of the minutes that may be counted again, and of the
// newest.
type known struct {
	js      jetstream.JetStream
	minutes map[time.Time]bus.Minute
}

// recall reads TRAFFIC.
func recall(ctx context.Context, js jetstream.JetStream) (*known, error) {
	k := &known{js: js, minutes: map[time.Time]bus.Minute{}}
	last, err := lastMinute(ctx, js)
	if err != nil || last.IsZero() {
		return k, err
	}
	minutes, err := bus.Minutes(ctx, js, last.Add(-settles), last.Add(time.Minute))
	if err != nil {
		return nil, err
	}
	for _, m := range minutes {
		k.minutes[m.Minute] = m
	}
	return k, nil
}

// lastMinute finds the newest minute by its subject; zero = there is none.
func lastMinute(ctx context.Context, js jetstream.JetStream) (last time.Time, err error) {
	stream, err := js.Stream(ctx, topology.Traffic)
	if err != nil {
		return last, fmt.Errorf("read stream %s: %w", topology.Traffic, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(topology.AllTraffic))
	if err != nil {
		return last, fmt.Errorf("read stream %s: %w", topology.Traffic, err)
	}
	prefix := strings.TrimSuffix(topology.AllTraffic, ">")
	for subject := range info.State.Subjects {
		minute, err := time.ParseInLocation("2006010215.04", strings.TrimPrefix(subject, prefix), time.UTC)
		if err == nil && minute.After(last) {
			last = minute
		}
	}
	return last, nil
}

// counted says when each minute was counted last.
func (k *known) counted() map[time.Time]time.Time {
	all := make(map[time.Time]time.Time, len(k.minutes))
	for minute, m := range k.minutes {
		all[minute] = m.Counted
	}
	return all
}

// before is the last count of a minute, nil when there is none.
func (k *known) before(minute time.Time) *event.Traffic {
	if m, ok := k.minutes[minute]; ok {
		return &m.Traffic
	}
	return nil
}

// keep publishes a count. errOvertaken says that another process has published one
// in the meantime.
func (k *known) keep(ctx context.Context, t *event.Traffic) error {
	data, err := event.Encode(t)
	if err != nil {
		return err
	}
	seq, err := bus.Append(ctx, k.js, topology.TrafficSubject(t.Minute), data, k.minutes[t.Minute].Seq)
	if errors.Is(err, bus.ErrConflict) {
		return fmt.Errorf("%w: %w", errOvertaken, err)
	}
	if err != nil {
		return err
	}
	k.minutes[t.Minute] = bus.Minute{Seq: seq, Traffic: *t}
	return nil
}

// forget drops what won't be counted again; the newest minute stays.
func (k *known) forget() {
	if len(k.minutes) == 0 {
		return
	}
	oldest := newest(k.counted()).Add(-settles)
	for minute := range k.minutes {
		if minute.Before(oldest) {
			delete(k.minutes, minute)
		}
	}
}
