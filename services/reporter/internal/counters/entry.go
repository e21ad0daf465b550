package counters

import (
	"bytes"
	"encoding/json"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// read takes from an entry of the log what is counted. Its error means that a
// later release wrote it.
func read(entry bus.Entry) (Entry, error) {
	e := Entry{Seq: entry.Seq}
	header, err := topology.ReadHeader(entry.Header)
	if err != nil {
		e.Unreadable = true
		return e, nil
	}
	e.Time = header.Time
	if !header.Live {
		return e, nil
	}
	var body struct {
		V int `json:"v"`
		Failure
	}
	if err := json.Unmarshal(withoutRow(entry.Data), &body); err != nil {
		e.Unreadable = true
		return e, nil
	}
	if body.V > event.Version {
		return e, event.ErrVersion
	}
	if !body.History {
		e.Failure = &body.Failure
	}
	return e, nil
}

// withoutRow drops the row of an encoded failure, nine tenths of it. event.Encode
// writes it last, behind the object "log"; nothing before can look like that, for
// inside a text quotes are escaped.
func withoutRow(data []byte) []byte {
	if i := bytes.Index(data, []byte(`},"row":`)); i >= 0 {
		return append(data[:i+1:i+1], '}')
	}
	return data
}
