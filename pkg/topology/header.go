package topology

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/event"
)

// Header names of log entries. The id is in Nats-Msg-Id, where the server's
// duplicate window sees it.
const (
	PositionHeader = "Faultwire-Position"
	TimeHeader     = "Faultwire-Time" // Unix microseconds
	LiveHeader     = "Faultwire-Live" // "1" on what counts in windows
	GapHeader      = "Faultwire-Gap"  // "1" on a heartbeat that names a gap
)

// WriteHeader puts h into the headers of a message.
func WriteHeader(to nats.Header, h event.Header) {
	to.Set(PositionHeader, h.Position.String())
	to.Set(TimeHeader, strconv.FormatInt(h.Time.UnixMicro(), 10))
	if h.ID != (event.ID{}) {
		to.Set(jetstream.MsgIDHeader, h.ID.String())
	}
	if h.Live {
		to.Set(LiveHeader, "1")
	}
	if h.Gap {
		to.Set(GapHeader, "1")
	}
}

// ReadHeader is the reverse of [WriteHeader].
func ReadHeader(from nats.Header) (event.Header, error) {
	position, err := event.ParsePosition(from.Get(PositionHeader))
	if err != nil {
		return event.Header{}, fmt.Errorf("read header %s: %w", PositionHeader, err)
	}
	micros, err := strconv.ParseInt(from.Get(TimeHeader), 10, 64)
	if err != nil {
		return event.Header{}, fmt.Errorf("read header %s: %w", TimeHeader, err)
	}
	h := event.Header{Position: position, Time: time.UnixMicro(micros).UTC(), Live: from.Get(LiveHeader) == "1", Gap: from.Get(GapHeader) == "1"}
	if id := from.Get(jetstream.MsgIDHeader); id != "" {
		if h.ID, err = event.ParseID(id); err != nil {
			return event.Header{}, fmt.Errorf("read header %s: %w", jetstream.MsgIDHeader, err)
		}
	}
	return h, nil
}
