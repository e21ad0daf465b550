package checkup

import (
	"context"
	"fmt"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

// mostRetained is how much WAL a slot of ours holds at most while anybody follows
// it, in bytes.
const mostRetained = 1 << 30

func (x *checkup) lookAtSlot(ctx context.Context) error {
	state, found, err := slot.Read(ctx, x.conn, x.Slot)
	if err != nil {
		return err
	}
	if x.hasSlot = found; !found {
		if !x.noStream && x.Mode != config.ModePoll {
			x.add(doctor.Fine(nameSlot, "%q is not there yet: `faultwire run` makes it", x.Slot))
		}
		return nil
	}
	if state.Lost() {
		x.add(doctor.Warn(nameSlot, "raise max_slot_wal_keep_size if faultwire may be away for longer",
			"%q is lost: the server removed WAL that was not read yet. `faultwire run` makes it anew and reads what is missing from the table", x.Slot))
		return nil
	}
	if err := state.Check(x.Slot, x.Dialer.Database()); err != nil {
		text, fix := parts(err)
		x.blocked(nameSlot, fix, "%s", text)
		return nil
	}
	if state.Half {
		x.add(doctor.Warn(nameSlot, fmt.Sprintf("if nobody is making it now, as a superuser: SELECT pg_terminate_backend(%d);", state.ActivePID),
			"%q is half made by process %d of the database, and holds WAL", x.Slot, state.ActivePID))
		return nil
	}
	return x.lookAtFollower(ctx, state)
}

// lookAtFollower says who follows the slot, and what it holds.
func (x *checkup) lookAtFollower(ctx context.Context, state slot.State) error {
	text := fmt.Sprintf("%q holds %s of WAL", x.Slot, plain.Size(max(state.Retained, 0)))
	if state.Safe != nil {
		text += fmt.Sprintf(" and is lost after %s more", plain.Size(max(*state.Safe, 0)))
	}
	if state.ActivePID != 0 {
		who, err := slot.FindFollower(ctx, x.conn, state.ActivePID)
		if err != nil {
			return err
		}
		text += ", followed by " + who.String()
	} else {
		text += ", nobody follows it now"
	}
	switch {
	case state.ActivePID == 0 && (x.noStream || x.Mode == config.ModePoll):
		x.add(doctor.Warn(nameSlot, "remove what keeps from streaming, or drop it: "+slot.DropSQL(x.Slot), "%s, and nobody will: it makes the server keep WAL for ever", text))
	case state.Status == "unreserved" || state.Safe != nil && *state.Safe <= 0:
		x.add(doctor.Warn(nameSlot, "start faultwire now; raise max_slot_wal_keep_size", "%s: it is lost at the next checkpoint", text))
	case state.Retained > mostRetained:
		x.add(doctor.Warn(nameSlot, "start faultwire; or, when you don't use it any more: `faultwire teardown`", "%s", text))
	default:
		x.add(doctor.Fine(nameSlot, "%s", text))
	}
	return nil
}

func (x *checkup) lookAtPublication(ctx context.Context) error {
	if !x.hasTable {
		return nil
	}
	p := x.publicationWanted()
	found, err := p.Check(ctx, x.conn)
	switch text, fix := "", ""; {
	case err != nil:
		text, fix = parts(err)
		x.blocked(namePublication, fix, "%s", text)
	case !found.Exists && x.hasSlot && x.rights.publish() && x.Mode != config.ModePoll:
		x.add(doctor.Warn(namePublication, "nothing to do, if nobody else uses slot "+x.Slot, "%q is gone, and slot %q can't be used without: `faultwire run` makes both anew and reads what is missing from the table", x.Publication, x.Slot))
	case !found.Exists && x.hasSlot:
		text, fix = parts(p.Missing(x.Slot))
		x.blocked(namePublication, fix, "%s", text)
	case !found.Exists && !x.rights.publish():
		x.blocked(namePublication, "`faultwire setup --admin-url URL`, or, as a superuser or as the owner of the table with CREATE on the database: "+p.CreateSQL(),
			"%q is not there, and role %s may not make it", x.Publication, x.Dialer.User())
	case !found.Exists && (x.noStream || x.Mode == config.ModePoll):
	case !found.Exists:
		x.add(doctor.Fine(namePublication, "%q is not there yet: `faultwire run` makes it", x.Publication))
	case found.Moved:
		x.add(doctor.Warn(namePublication, "as its owner: "+p.Repair(), "%q follows a table that LiteLLM's was before: rows of %s don't come", x.Publication, x.tableName()))
	case found.Unfiltered:
		x.add(doctor.Warn(namePublication, "as its owner: "+p.Repair(), "%q sends successful requests too, which costs the database four times as much", x.Publication))
	default:
		x.add(doctor.Fine(namePublication, "%q sends failed requests of %s, once, when they are inserted", x.Publication, x.tableName()))
	}
	return nil
}

// lookAtWAL looks what a slot can do to the server's disk while nobody follows it.
func (x *checkup) lookAtWAL(ctx context.Context) error {
	if !x.hasSlot && (x.noStream || x.Mode == config.ModePoll) {
		return nil
	}
	var most string
	if err := x.conn.QueryRow(ctx, "SELECT current_setting('max_slot_wal_keep_size')").Scan(&most); err != nil {
		return fmt.Errorf("ask for max_slot_wal_keep_size: %w", err)
	}
	if most == "-1" {
		x.add(doctor.Warn(nameWAL, x.platform.keep(), "max_slot_wal_keep_size is -1: while faultwire is away the server keeps WAL for it until the disk is full"))
		return nil
	}
	x.add(doctor.Fine(nameWAL, "max_slot_wal_keep_size is %s: that much WAL the server keeps for faultwire while it is away", most))
	return nil
}
