package explainer

import (
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/event"
)

// spent is how many calls were made in the current hour of the clock and in the
// current day, both UTC. It is what STATE holds under topology.BudgetKey.
type spent struct {
	V         int       `json:"v"` // [event.Version]
	Hour      time.Time `json:"hour"`
	HourCalls int       `json:"hour_calls"`
	Day       time.Time `json:"day"`
	DayCalls  int       `json:"day_calls"`
}

const day = 24 * time.Hour

// at is what counts at a time: hours and days that are over don't, nor what a clock
// far ahead wrote. A clock that is a little behind frees nothing.
func (s spent) at(now time.Time) spent {
	s.V = event.Version
	if hour := now.UTC().Truncate(time.Hour); hour.After(s.Hour) || s.Hour.Sub(hour) > time.Hour {
		s.Hour, s.HourCalls = hour, 0
	}
	if today := now.UTC().Truncate(day); today.After(s.Day) || s.Day.Sub(today) > day {
		s.Day, s.DayCalls = today, 0
	}
	return s
}

// left is how many calls may still be made.
func (s spent) left(limits config.LLM) (hour, today int) {
	today = max(limits.CallsPerDay-s.DayCalls, 0)
	return max(min(limits.CallsPerHour-s.HourCalls, today), 0), today
}

// exhausted says why no call may be made, and until when; "" = one may.
func (s spent) exhausted(limits config.LLM) (why string, until time.Time) {
	hour, today := s.left(limits)
	switch {
	case today == 0:
		return fmt.Sprintf("%d calls a day (llm.calls_per_day) are spent", limits.CallsPerDay), s.Day.Add(day)
	case hour == 0:
		return fmt.Sprintf("%d calls an hour (llm.calls_per_hour) are spent", limits.CallsPerHour), s.Hour.Add(time.Hour)
	}
	return "", time.Time{}
}
