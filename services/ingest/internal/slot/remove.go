package slot

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	// removeTries is how often a follower is ended that comes back before the slot
	// is gone.
	removeTries = 20
	removePause = 100 * time.Millisecond
	// endTimeout is how long a follower may take to end, in milliseconds.
	endTimeout = 5000
)

// FollowedError says that somebody follows the slot, so that it can't be removed.
type FollowedError struct {
	Name     string
	Follower Follower
	Again    bool // it was removed, and made again by its follower
}

func (e *FollowedError) Error() string {
	if e.Again {
		return fmt.Sprintf("slot %q is there again, made by %s. Stop that program, then repeat this", e.Name, e.Follower)
	}
	return fmt.Sprintf("slot %q is followed by %s. Stop that program first, or end its connection with --force", e.Name, e.Follower)
}

// Ours returns a [postgres.SettingsError] for a slot that faultwire can't have made
// for this database.
func (s State) Ours(name, database string) error {
	why := ""
	switch {
	case s.Plugin == "":
		why = "is for physical replication"
	case s.Plugin != Plugin:
		why = "has the plugin " + s.Plugin
	case s.Database != database:
		why = fmt.Sprintf("belongs to database %q, not to %q", s.Database, database)
	default:
		return nil
	}
	return &postgres.SettingsError{
		Setting: "ingest.slot",
		Problem: fmt.Sprintf("slot %q %s, so it is none of faultwire's for this database", name, why),
		Remedy:  "Set ingest.slot (FAULTWIRE_INGEST_SLOT) to the name of faultwire's",
	}
}

// Removable returns a [postgres.SettingsError] for a slot that isn't ours to remove,
// or not here.
func (s State) Removable(name, database string) error {
	if !s.Copy {
		return s.Ours(name, database)
	}
	return &postgres.SettingsError{
		Setting: "postgres.url",
		Problem: fmt.Sprintf("the server is a standby, and slot %q its copy of the primary's", name),
		Remedy:  "Give the primary's address with --admin-url, or set postgres.url (FAULTWIRE_POSTGRES_URL) to it: what is removed there goes here too",
	}
}

// Removed says what Remove did.
type Removed struct {
	Slot  bool       // false: there was none
	Ended []Follower // whose connections were ended, by force
}

// Remove drops the slot. Followed, it is a [FollowedError]; force ends the follower
// instead, and again if it comes back at once.
func Remove(ctx context.Context, conn *pgx.Conn, name string, force bool) (r Removed, err error) {
	for try := 1; ; try++ {
		state, found, err := Read(ctx, conn, name)
		if err != nil || !found {
			return r, err
		}
		if err := state.Removable(name, conn.Config().Database); err != nil {
			return r, err
		}
		if state.ActivePID != 0 {
			follower, err := FindFollower(ctx, conn, state.ActivePID)
			if err != nil {
				return r, err
			}
			if !force || try > removeTries {
				return r, &FollowedError{Name: name, Follower: follower}
			}
			if err := end(ctx, conn, follower); err != nil {
				return r, err
			}
			r.Ended = append(r.Ended, follower)
		}
		err = Drop(ctx, conn, name)
		switch {
		case err == nil:
			r.Slot = true
			return r, nil
		case postgres.State(err) == postgres.StateNoPrivilege:
			return r, &postgres.SettingsError{
				Setting: "ingest.slot",
				Problem: fmt.Sprintf("role %q may not remove slot %q", conn.Config().User, name),
				Remedy:  "Give the URL of a superuser with --admin-url, or let a role with REPLICATION run: " + DropSQL(name),
				Cause:   err,
			}
		case postgres.State(err) != postgres.StateInUse || try > removeTries:
			return r, err
		}
		if !lifecycle.Pause(ctx, removePause) { // it has been taken, or is still being let go
			return r, fmt.Errorf("remove slot %q: %w", name, context.Cause(ctx))
		}
	}
}

// end ends a follower's connection and waits until it has let go.
func end(ctx context.Context, conn *pgx.Conn, f Follower) error {
	_, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1, $2)", f.PID, endTimeout)
	if postgres.State(err) == postgres.StateNoPrivilege {
		return &postgres.SettingsError{
			Setting: "ingest.slot",
			Problem: fmt.Sprintf("role %q may not end %s", conn.Config().User, f),
			Remedy:  fmt.Sprintf("Stop that program, give the URL of a superuser with --admin-url, or let one run: SELECT pg_terminate_backend(%d);", f.PID),
			Cause:   err,
		}
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", f, err)
	}
	return nil
}
