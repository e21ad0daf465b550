package slot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/slot"
)

// followed makes slot and publication and follows.
func (f fixture) followed(t *testing.T) {
	t.Helper()
	if _, err := f.sql.Exec(t.Context(), `CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs"`); err != nil {
		t.Fatal(err)
	}
	if err := slot.Create(t.Context(), f.replication, f.sql, f.db.Name, f.server); err != nil {
		t.Fatal(err)
	}
	options := pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'faultwire'"}}
	if err := pglogrepl.StartReplication(t.Context(), f.replication, f.db.Name, 0, options); err != nil {
		t.Fatal(err)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	f := open(t)
	if r, err := slot.Remove(t.Context(), f.sql, f.db.Name, false); err != nil || r.Slot {
		t.Fatalf("no slot: %+v, %v", r, err)
	}
	f.followed(t)
	_, err := slot.Remove(t.Context(), f.sql, f.db.Name, false)
	followed, ok := errors.AsType[*slot.FollowedError](err)
	if !ok || followed.Follower.PID != int(f.replication.PID()) || followed.Follower.Program != "faultwire" || followed.Follower.Address != "127.0.0.1" || !strings.Contains(err.Error(), "--force") {
		t.Fatalf("followed: %v", err)
	}
	r, err := slot.Remove(t.Context(), f.sql, f.db.Name, true)
	if err != nil || !r.Slot || len(r.Ended) != 1 || r.Ended[0].PID != followed.Follower.PID {
		t.Errorf("by force: %+v, %v", r, err)
	}
	if _, found, err := slot.Read(t.Context(), f.sql, f.db.Name); err != nil || found {
		t.Errorf("still there: %v, %v", found, err)
	}
}

// TestRemoveNotAllowed: who may not is told what to run, and nothing is changed.
func TestRemoveNotAllowed(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.followed(t)
	if _, err := f.sql.Exec(t.Context(), "CREATE ROLE "+f.db.Name); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := f.sql.Exec(context.WithoutCancel(t.Context()), "RESET ROLE"); err != nil {
			t.Error(err)
		}
		if _, err := f.sql.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+f.db.Name); err != nil {
			t.Error(err)
		}
	}()
	if _, err := f.sql.Exec(t.Context(), "SET ROLE "+f.db.Name); err != nil {
		t.Fatal(err)
	}
	_, err := slot.Remove(t.Context(), f.sql, f.db.Name, true)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), fmt.Sprintf("SELECT pg_terminate_backend(%d);", f.replication.PID())) {
		t.Errorf("may not end the follower: %v", err)
	}
	if err := f.replication.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = slot.Remove(t.Context(), f.sql, f.db.Name, false)
	for errors.As(err, new(*slot.FollowedError)) { // it is being let go
		_, err = slot.Remove(t.Context(), f.sql, f.db.Name, false)
	}
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "SELECT pg_drop_replication_slot('"+f.db.Name+"');") {
		t.Errorf("may not drop: %v", err)
	}
}

// TestRemoveForeign: a slot that can't be faultwire's stays.
func TestRemoveForeign(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]string{
		"another plugin": "SELECT pg_create_logical_replication_slot('%s', 'test_decoding')",
		"physical":       "SELECT pg_create_physical_replication_slot('%s')",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			if _, err := f.sql.Exec(t.Context(), fmt.Sprintf(make, f.db.Name)); err != nil {
				t.Fatal(err)
			}
			_, err := slot.Remove(t.Context(), f.sql, f.db.Name, true)
			if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "none of faultwire's") {
				t.Errorf("%v", err)
			}
			if _, err := f.sql.Exec(t.Context(), slot.DropSQL(f.db.Name)); err != nil {
				t.Error(err)
			}
		})
	}
	f, other := open(t), open(t)
	if _, err := other.sql.Exec(t.Context(), slot.CreateSQL(other.db.Name, 15)); err != nil {
		t.Fatal(err)
	}
	if _, err := slot.Remove(t.Context(), f.sql, other.db.Name, true); !postgres.IsSettings(err) || !strings.Contains(err.Error(), "belongs to database") {
		t.Errorf("another database: %v", err)
	}
}
