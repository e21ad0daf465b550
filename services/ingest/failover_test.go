package ingest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest"
)

// standby makes a standby of a server, which keeps slots in step from 17 on.
func standby(t *testing.T, of *pgtemp.Server) *pgtemp.Server {
	t.Helper()
	settings := map[string]string{"fsync": "off", "hot_standby_feedback": "on", "primary_slot_name": "of_the_standby"}
	if of.Major() >= 17 {
		settings["sync_replication_slots"] = "on"
	}
	s, err := of.Standby(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// paired is a rig on a server that has a standby.
func paired(t *testing.T) (r *rig, first, second *pgtemp.Server) {
	t.Helper()
	first = testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	r = newRig(t, testkit.WithServer(first))
	r.exec(t, "SELECT pg_create_physical_replication_slot('of_the_standby')")
	second = standby(t, first)
	r.sql = r.db.Conn(t) // it was stopped for the copy
	return r, first, second
}

// fail ends the rig's server and makes its standby the rig's.
func (r *rig) fail(t *testing.T, standby *pgtemp.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := r.db.Server.Stop(ctx, pgtemp.Immediate); err != nil {
		t.Fatal(err)
	}
	r.db.Server, r.db.URL = standby, standby.URL(r.db.Name)
	r.sql = r.db.Conn(t)
	r.exec(t, "SELECT pg_promote()")
}

// caughtUp waits until a standby has all that its primary, the rig's database, has
// written.
func (r *rig) caughtUp(t *testing.T, s *pgtemp.Server) {
	t.Helper()
	var at string
	if err := r.sql.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.URL(r.db.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	testkit.Eventually(t, wait, "the standby has all", func() bool {
		var yes bool
		err := conn.QueryRow(t.Context(), "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", at).Scan(&yes)
		return err == nil && yes
	})
}

// synced waits until a standby keeps our slot in step.
func (r *rig) synced(t *testing.T, standby *pgtemp.Server) {
	t.Helper()
	at, err := pgx.Connect(t.Context(), standby.URL(r.db.Name))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, wait, "the slot is kept in step on the standby", func() bool {
		var yes bool
		err := at.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND synced AND NOT temporary)", r.cfg.Ingest.Slot).Scan(&yes)
		return err == nil && yes
	})
	if err := at.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestSyncedSlot: the address leads to the standby before it is promoted, where our
// slot is a copy that can't be followed yet (from 17 on). It is waited for.
func TestSyncedSlot(t *testing.T) {
	t.Parallel()
	r, first, second := paired(t)
	if first.Major() < 17 {
		return // no slot is kept in step
	}
	r.cfg.Ingest.Mode = config.ModeAuto
	way := r.relayed(t)
	x := r.following(t)
	r.generate(t, "a-", 100, 2)
	r.agrees(t)
	r.synced(t, second)
	r.vouched(t)
	way.lead(t, second)
	x.logs.Wait(t, wait, "it says why", func(e testkit.LogEntry) bool {
		return containsAll(fmt.Sprint(e.Attrs["error"]), r.cfg.Ingest.Slot, "promoted", "FAULTWIRE_POSTGRES_URL")
	})
	if _, err := ingest.FindTraces(t.Context(), r.cfg, ""); !ingest.IsSettings(err) || !containsAll(err.Error(), "standby", "primary's address") {
		t.Errorf("nothing can be removed there: error %v", err)
	}
	r.generate(t, "b-", 100, 2)
	r.caughtUp(t, second)
	r.fail(t, second)
	x.follows(t, 2)
	r.generate(t, "c-", 100, 2)
	r.agrees(t)
	x.stop(t)
}

// TestFailover: the database dies and its standby takes over, from 17 on with our
// slot kept in step, so that the server sends again what it wasn't told of; before, it
// has none (42704). Nothing is lost, nothing comes twice.
func TestFailover(t *testing.T) {
	t.Parallel()
	r, first, second := paired(t)
	way := r.relayed(t)
	x := r.following(t)
	r.generate(t, "a-", 1000, 2)
	r.agrees(t)
	if first.Major() >= 17 {
		r.synced(t, second)
	}
	r.vouched(t)
	r.generate(t, "b-", 1000, 2)
	r.caughtUp(t, second)
	r.fail(t, second)
	way.lead(t, second)
	r.generate(t, "c-", 1000, 2)
	x.follows(t, 2)
	r.generate(t, "d-", 1000, 2)
	r.agrees(t)
	x.stop(t)
}

// TestFailoverBehind: the standby that takes over lacks the last rows, which the log
// has already, and writes others in their place, at positions that the log has seen.
func TestFailoverBehind(t *testing.T) {
	t.Parallel()
	r, _, second := paired(t)
	way := r.relayed(t)
	x := r.following(t)
	r.generate(t, "both-", 100, 2)
	r.agrees(t)
	r.caughtUp(t, second)

	behind, err := pgx.Connect(t.Context(), second.URL(r.db.Name))
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
		if _, err := behind.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, wait, "the standby receives nothing any more", func() bool {
		var receives bool
		err := behind.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)").Scan(&receives)
		return err == nil && !receives
	})
	if err := behind.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.generate(t, "lost-", 1000, 1)
	r.agrees(t)
	r.vouched(t)
	r.fail(t, second)
	r.generate(t, "instead-", 500, 1)
	way.lead(t, second)
	x.follows(t, 2)
	r.generate(t, "after-", 2000, 1)
	r.hasEach(t)
	if n := len(r.logged(t)); n != 50+1000+2500 {
		t.Errorf("%d failures are in the log", n)
	}
	x.stop(t)
}

// TestStandbyServer: the address is that of a standby. It can be followed from 16 on,
// beyond its promotion; before, it can't (0A000), which is said.
func TestStandbyServer(t *testing.T) {
	t.Parallel()
	r, first, second := paired(t)
	statements, err := ingest.SetupSQL(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.exec(t, statements[0])
	r.caughtUp(t, second)
	r.relayed(t).lead(t, second)
	if first.Major() < 16 {
		err := r.start(t).result(t)
		if !ingest.IsSettings(err) || !containsAll(err.Error(), "postgres.url", "standby", "primary") {
			t.Errorf("error %v", err)
		}
		return
	}
	r.patience = wait
	x := r.start(t)
	// A slot on a standby begins where the primary says who is at work.
	testkit.Eventually(t, wait, "the slot is made", func() bool {
		r.exec(t, "SELECT pg_log_standby_snapshot()")
		for _, e := range x.logs.Entries() {
			if e.Message == "following LiteLLM's database" {
				return true
			}
		}
		return false
	})
	r.generate(t, "a-", 100, 2)
	r.agrees(t)
	r.caughtUp(t, second)
	r.fail(t, second)
	r.generate(t, "b-", 100, 2)
	r.agrees(t)
	x.stop(t)
}

// TestHeldForStandby: the server keeps our rows back until a standby has them
// (synchronized_standby_slots, from 17 on), and only its own log says why. We say
// that nothing comes although there is more.
func TestHeldForStandby(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"fsync": "off"})
	r := newRig(t, testkit.WithServer(server))
	if server.Major() < 17 {
		return // the setting is not there
	}
	x := r.following(t)
	r.generate(t, "a-", 10, 2)
	r.agrees(t)
	r.exec(t, "SELECT pg_create_physical_replication_slot('of_the_standby', true)")
	r.exec(t, "ALTER SYSTEM SET synchronized_standby_slots = 'of_the_standby'")
	r.exec(t, "SELECT pg_reload_conf()")
	r.generate(t, "b-", 10, 2)
	if text := testkit.WaitLog(t, x.logs, 2*wait, "no progress").Message; !containsAll(text, "synchronized_standby_slots") {
		t.Errorf("message %q", text)
	}
	r.exec(t, "ALTER SYSTEM RESET synchronized_standby_slots")
	r.exec(t, "SELECT pg_reload_conf()")
	r.agrees(t)
	x.stop(t)
}
