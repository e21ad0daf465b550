package alias

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// share bounds what reading all costs: a read that took a second is repeated after
	// a hundred.
	share = 100
	// perQuery is how many keys are asked for at once, every askEvery at most.
	perQuery = 1000
	askEvery = time.Second
	// retry is how long a fault is waited out, unable how long a missing right.
	retry  = 10 * time.Second
	unable = time.Minute
)

// Load reads the tables unless they were read within the last minutes. Before rows
// are read it makes their first ones have aliases too. It is over in seconds, whatever
// happens, and what goes wrong is no reason not to go on: it is logged.
func (n *Names) Load(ctx context.Context, conn *pgx.Conn) {
	err := n.load(ctx, conn)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errNothing) {
		n.log.Warn("the aliases of keys could not be read", "error", err)
	}
}

func (n *Names) load(ctx context.Context, conn *pgx.Conn) error {
	n.loading.Lock()
	defer n.loading.Unlock()
	if n.due() > 0 {
		return nil
	}
	began := time.Now()
	err := n.loadAll(ctx, conn, began)
	pause := n.limits.reload
	if err != nil {
		pause = retry
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reload = time.Now().Add(max(pause, share*time.Since(began)))
	return err
}

// due is how long it is until the tables are to be read again.
func (n *Names) due() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.able { // a right may have been granted
		return 0
	}
	return time.Until(n.reload)
}

func (n *Names) loadAll(ctx context.Context, conn *pgx.Conn, now time.Time) error {
	is, err := n.find(ctx, conn)
	if err != nil {
		return err
	}
	if len(is.tables) == 0 {
		return errNothing
	}
	for _, table := range slices.Backward(is.tables) { // what is said of a living key holds
		query := fmt.Sprintf("SELECT token, key_alias FROM %s WHERE key_alias <> '' LIMIT %d", table, n.limits.known)
		if err := read(ctx, conn, query, nil, func(h hash, alias string) { n.learn(h, alias, now) }); err != nil {
			return fmt.Errorf("read the aliases of keys from %s: %w", table, err)
		}
	}
	return nil
}

// Run keeps the table up to date and asks for what was not in it, until ctx ends. It
// has a connection of its own, because a look-up must not stand in anybody's way;
// whatever happens to it is waited out.
func (n *Names) Run(ctx context.Context, dial func(context.Context) (*pgx.Conn, error)) {
	for ctx.Err() == nil {
		pause := retry
		conn, err := dial(ctx)
		if err == nil {
			err = n.session(ctx, conn)
			postgres.Close(ctx, conn)
		}
		if errors.Is(err, errNothing) {
			pause = unable
		} else if ctx.Err() == nil {
			n.log.Debug("the aliases of keys can't be looked up for the moment", "error", err)
		}
		lifecycle.Pause(ctx, pause)
	}
}

func (n *Names) session(ctx context.Context, conn *pgx.Conn) error {
	if err := n.load(ctx, conn); err != nil {
		return err
	}
	for {
		timer := time.NewTimer(max(n.due(), askEvery))
		var err error
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-timer.C:
			err = n.load(ctx, conn)
		case <-n.wake:
			if err = n.answer(ctx, conn, n.take(perQuery)); err == nil {
				lifecycle.Pause(ctx, askEvery)
			}
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// answer asks for keys.
func (n *Names) answer(ctx context.Context, conn *pgx.Conn, keys []hash) error {
	if len(keys) == 0 {
		return nil
	}
	is, err := n.find(ctx, conn)
	if err != nil {
		return err
	}
	if len(is.tables) == 0 {
		return errNothing
	}
	now := time.Now()
	open := make(map[hash]bool, len(keys))
	for _, h := range keys {
		open[h] = true
	}
	for _, table := range is.tables {
		rest := make([]string, 0, len(open))
		for h := range open {
			rest = append(rest, h.String())
		}
		query := "SELECT token, key_alias FROM " + table + " WHERE token = ANY ($1) AND key_alias <> ''"
		err := read(ctx, conn, query, []any{rest}, func(h hash, alias string) {
			n.learn(h, alias, now)
			delete(open, h)
		})
		if err != nil {
			return fmt.Errorf("look up %d keys in %s: %w", len(keys), table, err)
		}
	}
	for h := range open {
		n.miss(h, now)
	}
	return nil
}
