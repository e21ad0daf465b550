package counters

import (
	"encoding/json"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter/internal/body"
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
	if entry.Subject == topology.HeartbeatSubject {
		return e, nil
	}
	var counted struct {
		V       int       `json:"v"`
		Started time.Time `json:"started"`
		Rescued bool      `json:"rescued"`
		Failure
	}
	head, _ := body.Split(entry.Data)
	if err := json.Unmarshal(head, &counted); err != nil {
		e.Unreadable = true
		return e, nil
	}
	if counted.V > event.Version {
		return e, event.ErrVersion
	}
	if !counted.Rescued { // LiteLLM counts it as a success, and so does the count to compare with
		e.Began = counted.Started
	}
	if header.Live && !counted.History {
		e.Failure = &counted.Failure
	}
	return e, nil
}
