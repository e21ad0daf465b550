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

// budget counts calls where it survives a restart. It is written by who has the
// lease, and guarded for the moment in which two believe so.
type budget struct {
	kv       jetstream.KeyValue
	limits   config.LLM
	spent    spent
	revision uint64
}

func openBudget(ctx context.Context, kv jetstream.KeyValue, limits config.LLM) (*budget, error) {
	b := &budget{kv: kv, limits: limits}
	return b, b.read(ctx)
}

func (b *budget) read(ctx context.Context) error {
	entry, err := b.kv.Get(ctx, topology.BudgetKey)
	b.spent, b.revision = spent{}, 0
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the budget of LLM calls: %w", err)
	}
	b.revision = entry.Revision()
	if err := json.Unmarshal(entry.Value(), &b.spent); err != nil {
		return fmt.Errorf("read the budget of LLM calls, key %s of bucket %s: %w", topology.BudgetKey, topology.State, err)
	}
	return nil
}

// spend counts one call, before it is made: one that is counted and not made costs
// nothing. A why that isn't empty means that it may not be made until then.
func (b *budget) spend(ctx context.Context, now time.Time) (why string, until time.Time, err error) {
	for {
		next := b.spent.at(now)
		if why, until := next.exhausted(b.limits); why != "" {
			return why, until, nil
		}
		next.HourCalls++
		next.DayCalls++
		data, err := json.Marshal(next)
		if err != nil {
			return "", time.Time{}, fmt.Errorf("count a call to the LLM: %w", err)
		}
		revision, err := b.write(ctx, data)
		if err == nil {
			b.spent, b.revision = next, revision
			return "", time.Time{}, nil
		}
		if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) && !errors.Is(err, jetstream.ErrKeyExists) {
			return "", time.Time{}, fmt.Errorf("count a call to the LLM: %w", err)
		}
		before := b.revision
		if err := b.read(ctx); err != nil {
			return "", time.Time{}, err
		}
		if b.revision == before { // a replica that lags behind: the explainer begins anew
			return "", time.Time{}, fmt.Errorf("count a call to the LLM: %w", err)
		}
	}
}

// write replaces the entry that was read. One that was deleted has a revision too,
// which only Create knows how to find.
func (b *budget) write(ctx context.Context, data []byte) (revision uint64, err error) {
	if b.revision == 0 {
		return b.kv.Create(ctx, topology.BudgetKey, data)
	}
	return b.kv.Update(ctx, topology.BudgetKey, data, b.revision)
}
