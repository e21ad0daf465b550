package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Minute is an entry of TRAFFIC.
type Minute struct {
	Seq uint64 // of its last count
	event.Traffic
}

// Minutes reads the requests of all counted minutes from from until before to, in
// order. One that is damaged is left out.
func Minutes(ctx context.Context, js jetstream.JetStream, from, to time.Time) ([]Minute, error) {
	var minutes []Minute
	for hour := from.Truncate(time.Hour); hour.Before(to); hour = hour.Add(time.Hour) {
		r := Range{Stream: topology.Traffic, Filter: topology.TrafficHour(hour), Hi: math.MaxUint64}
		for entry, err := range Scan(ctx, js, r) {
			if err != nil {
				return nil, fmt.Errorf("read the requests counted: %w", err)
			}
			traffic, err := event.Decode[event.Traffic](entry.Data)
			if errors.Is(err, event.ErrVersion) {
				return nil, err
			}
			if err != nil || traffic.Minute.Before(from) || !traffic.Minute.Before(to) {
				continue
			}
			minutes = append(minutes, Minute{Seq: entry.Seq, Traffic: traffic})
		}
	}
	slices.SortFunc(minutes, func(a, b Minute) int { return a.Minute.Compare(b.Minute) })
	return minutes, nil
}
