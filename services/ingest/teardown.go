package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/role"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

// Traces are what faultwire has left in a database.
type Traces struct {
	Target      string // user@host/database
	Slot        bool
	Retained    int64  // bytes of WAL that the slot makes the server keep
	Follower    string // who follows the slot; empty = nobody
	Publication bool
	Role        bool
}

// None reports whether there is nothing to remove.
func (t Traces) None() bool { return !t.Slot && !t.Publication && !t.Role }

// FindTraces looks for slot and publication by the settings, and for a role unless
// its name is empty. What has our names and is somebody else's is an error that
// satisfies [IsSettings]. It changes nothing.
func FindTraces(ctx context.Context, cfg Config, roleName string) (Traces, error) {
	var t Traces
	err := visitBare(ctx, cfg, func(d *postgres.Dialer, conn *pgx.Conn) error {
		t.Target = d.Target()
		state, found, err := slot.Read(ctx, conn, cfg.Ingest.Slot)
		if err != nil {
			return err
		}
		if t.Slot, t.Retained = found, state.Retained; found {
			if err := state.Removable(cfg.Ingest.Slot, conn.Config().Database); err != nil {
				return err
			}
		}
		if state.ActivePID != 0 {
			follower, err := slot.FindFollower(ctx, conn, state.ActivePID)
			if err != nil {
				return err
			}
			t.Follower = follower.String()
		}
		if t.Publication, err = published(cfg).Ours(ctx, conn); err != nil || roleName == "" {
			return err
		}
		s, err := role.Role{Name: roleName}.Look(ctx, conn)
		if t.Role = s.Exists; err == nil && s.Exists {
			err = s.Foreign(roleName)
		}
		return err
	})
	return t, err
}

// Removal says what [Teardown] removes besides slot and publication.
type Removal struct {
	Role  string // empty = none
	Force bool   // end whoever follows the slot
}

// Removed says what Teardown removed, also when it returns an error.
type Removed struct {
	Slot, Publication, Role bool
	Ended                   []string // followers of the slot
}

// Teardown removes what faultwire has left in a database: the slot first, for
// PostgreSQL doesn't start with one when wal_level is lowered. It can be repeated. A
// slot that somebody follows satisfies [IsFollowed].
func Teardown(ctx context.Context, cfg Config, r Removal) (Removed, error) {
	var done Removed
	err := visitBare(ctx, cfg, func(_ *postgres.Dialer, conn *pgx.Conn) error {
		gone, err := slot.Remove(ctx, conn, cfg.Ingest.Slot, r.Force)
		done.Slot = gone.Slot
		for _, f := range gone.Ended {
			done.Ended = append(done.Ended, f.String())
		}
		if err != nil {
			return err
		}
		if done.Publication, err = published(cfg).Drop(ctx, conn); err != nil {
			return err
		}
		if r.Role != "" {
			planned := role.Role{Name: r.Role, Database: conn.Config().Database}
			if done.Role, err = planned.Drop(ctx, conn); err != nil {
				return err
			}
		}
		return stayedAway(ctx, conn, cfg.Ingest.Slot, len(done.Ended) > 0)
	})
	return done, err
}

// comeBack is how long a follower that was ended has to make the slot again, in
// case it does: it tries after less than a second.
const comeBack = 2 * time.Second

// stayedAway looks whether whoever was ended made the slot again.
func stayedAway(ctx context.Context, conn *pgx.Conn, name string, ended bool) error {
	if !ended || !lifecycle.Pause(ctx, comeBack) {
		return nil
	}
	state, found, err := slot.Read(ctx, conn, name)
	if err != nil || !found {
		return err
	}
	follower, err := slot.FindFollower(ctx, conn, state.ActivePID)
	if err != nil {
		return err
	}
	return &slot.FollowedError{Name: name, Follower: follower, Again: true}
}

// IsFollowed reports whether err says that somebody follows the slot.
func IsFollowed(err error) bool {
	var followed *slot.FollowedError
	return errors.As(err, &followed)
}

func published(cfg Config) publication.Publication {
	return publication.Publication{Name: cfg.Ingest.Publication, Table: postgres.LatestTable(cfg.Postgres.Schema)}
}

// visitBare connects without looking for LiteLLM's table, which may be gone already.
func visitBare(ctx context.Context, cfg Config, do func(*postgres.Dialer, *pgx.Conn) error) error {
	d, err := newDatabase(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	conn, err := d.dialer.SQL(ctx)
	if err != nil {
		return err
	}
	defer postgres.Close(ctx, conn)
	return do(d.dialer, conn)
}
