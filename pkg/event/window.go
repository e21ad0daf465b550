package event

import "time"

// RunLive is the run of all live windows, periods and reports; a replay's run is
// its id.
const RunLive = "live"

// Window describes one closed window: a contiguous range of the log.
type Window struct {
	V     int       `json:"v"`
	Run   string    `json:"run"`   // [RunLive] or the id of a replay
	Epoch string    `json:"epoch"` // the life of the log that Lo and Hi belong to
	Start time.Time `json:"start"` // commit time, inclusive
	End   time.Time `json:"end"`   // exclusive; of a replay: the moment it was asked for
	Lo    uint64    `json:"lo"`    // first stream sequence
	Hi    uint64    `json:"hi"`    // last stream sequence, inclusive
	N     int       `json:"n"`     // live failures in Lo..Hi (of a replay: its rows)
	// Gap: failures committed in it may be missing; they are in a later one when they
	// have been read.
	Gap   bool  `json:"gap,omitempty"`
	Rules Rules `json:"rules"` // the settings it was cut by
}

// Period describes the windows of one report.
type Period struct {
	V     int       `json:"v"`
	Run   string    `json:"run"`
	Epoch string    `json:"epoch"`
	Start time.Time `json:"start"` // commit time, inclusive
	End   time.Time `json:"end"`   // exclusive
	Lo    uint64    `json:"lo"`    // first stream sequence
	Hi    uint64    `json:"hi"`    // last stream sequence, inclusive; Lo-1 when there was no entry
	N     int       `json:"n"`     // live failures in Lo..Hi
	First time.Time `json:"first"` // start of its first window, zero when N is 0
	Last  time.Time `json:"last"`  // start of its last window, zero when N is 0
	// Gap: as [Window.Gap], also when it has no window.
	Gap   bool  `json:"gap,omitempty"`
	Rules Rules `json:"rules"`
}

// Rules are the settings by which the planner cut the log.
type Rules struct {
	Window Duration `json:"window"` // analyzer.window
	Every  Duration `json:"every"`  // report.every
	Zone   string   `json:"zone"`   // report.timezone, an IANA name
}

// Duration is a [time.Duration] that JSON writes as "5m0s".
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	got, err := time.ParseDuration(string(b))
	if err != nil {
		return err
	}
	*d = Duration(got)
	return nil
}
