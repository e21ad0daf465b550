package explainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/topology"
)

// budget counts calls per clock hour and UTC day, in the STATE bucket, so that a
// restart gives nothing back.
type budget struct {
	state   jetstream.KeyValue
	perHour int
	perDay  int
	spent   spent
}

// spent is the value of the budget's key.
type spent struct {
	V         int       `json:"v"`
	Hour      time.Time `json:"hour"`
	HourCalls int       `json:"hour_calls"`
	Day       time.Time `json:"day"`
	DayCalls  int       `json:"day_calls"`
}

func loadBudget(ctx context.Context, state jetstream.KeyValue, c config.LLM) (*budget, error) {
	b := &budget{state: state, perHour: c.CallsPerHour, perDay: c.CallsPerDay}
	entry, err := state.Get(ctx, topology.BudgetKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the budget of calls to the LLM: %w", err)
	}
	if err := json.Unmarshal(entry.Value(), &b.spent); err != nil {
		return nil, fmt.Errorf("read the budget of calls to the LLM: %w", err)
	}
	return b, nil
}

const day = 24 * time.Hour

// roll begins a new hour or day. A clock that was set back frees nothing.
func (b *budget) roll(now time.Time) {
	now = now.UTC()
	if hour := now.Truncate(time.Hour); hour.After(b.spent.Hour) {
		b.spent.Hour, b.spent.HourCalls = hour, 0
	}
	if today := now.Truncate(day); today.After(b.spent.Day) {
		b.spent.Day, b.spent.DayCalls = today, 0
	}
}

// free is when the next call may be made, at once or later; why says what is spent.
func (b *budget) free(now time.Time) (at time.Time, why string) {
	b.roll(now)
	switch {
	case b.spent.DayCalls >= b.perDay:
		return b.spent.Day.Add(day), fmt.Sprintf("budget: the %d calls of this day (llm.calls_per_day) are spent", b.perDay)
	case b.spent.HourCalls >= b.perHour:
		return b.spent.Hour.Add(time.Hour), fmt.Sprintf("budget: the %d calls of this hour (llm.calls_per_hour) are spent", b.perHour)
	}
	return now, ""
}

// take counts a call before it is made: a crash must not make one free.
func (b *budget) take(ctx context.Context, now time.Time) error {
	b.roll(now)
	b.spent.V = 1
	b.spent.HourCalls++
	b.spent.DayCalls++
	data, err := json.Marshal(b.spent)
	if err != nil {
		return fmt.Errorf("count a call to the LLM: %w", err)
	}
	if _, err := b.state.Put(ctx, topology.BudgetKey, data); err != nil {
		return fmt.Errorf("count a call to the LLM: %w", err)
	}
	return nil
}

// left is how many calls this hour and this day still have.
func (b *budget) left(now time.Time) (hour, today int) {
	b.roll(now)
	return max(b.perHour-b.spent.HourCalls, 0), max(b.perDay-b.spent.DayCalls, 0)
}
