package checkup_test

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/checkup"
)

// TestPlatforms: the remedy is that of whoever runs the server, found out by roles
// (which belong to the whole server, so this one is the test's own).
func TestPlatforms(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"wal_level": "replica", "fsync": "off", "cluster_name": "16/main"})
	p := newPatient(t, testkit.WithServer(server))
	p.as(t, "")
	for _, where := range []struct {
		role, name          string
		logical, replicates string
		inside, container   bool
	}{
		{"", "", "sudo -u postgres psql -p ", `as a superuser: ALTER ROLE "{}" REPLICATION;`, false, false},
		{"", "", "docker exec db-1 psql -U {} -d {} -c 'ALTER SYSTEM SET wal_level = logical' && docker restart db-1", "REPLICATION;", false, true},
		{"rds_superuser", " on Amazon RDS, ", "rds.logical_replication = 1", `GRANT rds_replication TO "{}";`, false, false},
		{"cloudsqlsuperuser", " on Google Cloud SQL, ", "cloudsql.logical_decoding = on", `ALTER USER "{}" WITH REPLICATION;`, true, false},
		{"azure_pg_admin", " on Azure, ", "server parameter wal_level = logical", `as the server's administrator: ALTER ROLE "{}" REPLICATION;`, false, false},
		{"supabase_admin", " on Supabase, ", "Supabase has it on", "only the user postgres may replicate", false, false},
		{"neon_superuser", " on Neon, ", "Settings, Logical replication: Enable", "Neon's console", false, false},
	} {
		if where.role != "" {
			p.exec(t, "CREATE ROLE %s", where.role)
		}
		p.cfg.InContainer, p.cfg.Container = where.inside, ""
		if where.container {
			p.cfg.Container = "db-1"
		}
		findings, _ := p.look(t)
		name := where.name
		if name != "" {
			name = name[:len(name)-2] + " as "
		}
		p.has(t, findings, ok("postgres", name))
		p.has(t, findings, warn("streaming", "wal_level is replica: polling will be used", where.logical))
		p.has(t, findings, warn("streaming", "may not replicate", where.replicates))
		if where.role != "" {
			p.exec(t, "DROP ROLE %s", where.role)
		}
	}
	// Set, and not yet taken up.
	p.exec(t, "ALTER SYSTEM SET wal_level = logical")
	p.exec(t, "SELECT pg_reload_conf()")
	testkit.Eventually(t, patience, "the server has read its settings", func() bool {
		var waits bool
		if err := p.admin.QueryRow(t.Context(), "SELECT pending_restart FROM pg_settings WHERE name = 'wal_level'").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	findings, _ := p.look(t)
	p.has(t, findings, warn("streaming", "wal_level is replica until PostgreSQL is restarted", "sudo systemctl restart postgresql@16-main"))
	// A member of RDS' role for it may replicate, as far as the catalog says.
	p.exec(t, "CREATE ROLE rds_replication; CREATE ROLE rds_superuser; GRANT rds_replication TO %s", p.db.Name)
	findings, _ = p.look(t)
	for _, f := range findings {
		if f.Fix == `as the master user: GRANT rds_replication TO "`+p.db.Name+`";` && f.Text == "role "+p.db.Name+" may not replicate" {
			t.Errorf("a member of rds_replication: %+v", f)
		}
	}
}

// TestCapacity: no slot, then no sender is free; and a slot that lost its WAL.
func TestCapacity(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{
		"max_replication_slots": "1", "max_wal_senders": "1", "max_slot_wal_keep_size": "1MB", "wal_keep_size": "0", "fsync": "off",
	})
	p := newPatient(t, testkit.WithServer(server))
	p.exec(t, "SELECT pg_create_physical_replication_slot('other')")
	findings, mode := p.look(t)
	p.has(t, findings, warn("streaming", "all 1 replication slots are taken", "ALTER SYSTEM SET max_replication_slots = 11; then restart PostgreSQL"))
	if mode != checkup.Polling {
		t.Errorf("mode %q", mode)
	}
	p.exec(t, "SELECT pg_drop_replication_slot('other')")
	p.follow(t)
	p.cfg.Publication = "faultwire"
	p.stream(t)
	findings, _ = p.look(t)
	p.has(t, findings, warn("streaming", "no replication connection is free (1 of 1 senders are in use)", "ALTER SYSTEM SET max_wal_senders = 11"))
	p.has(t, findings, ok("wal", "max_slot_wal_keep_size is 1MB"))
	p.exec(t, "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE active")
	for range 3 { // three segments later
		p.exec(t, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000)), pg_switch_wal(); CHECKPOINT")
	}
	findings, mode = p.look(t)
	p.has(t, findings, warn("slot", "is lost", "raise max_slot_wal_keep_size"))
	if mode != checkup.Streaming {
		t.Errorf("mode %q", mode)
	}
	p.set(t, "synchronous_standby_names", "*")
	findings, mode = p.look(t)
	p.has(t, findings, warn("streaming", `with "*" LiteLLM's commits would wait for faultwire`, "ALTER SYSTEM SET synchronous_standby_names"))
	if mode != checkup.Polling {
		t.Errorf("mode %q", mode)
	}
	p.set(t, "synchronous_standby_names", "") // or no commit ends any more
}

// TestPooler: one that refuses the parameter, as pgbouncer before 1.23, and one that
// ignores it.
func TestPooler(t *testing.T) {
	t.Parallel()
	for name, ignores := range map[string]bool{"refuses": false, "ignores": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			p.url = pooler(t, p.url, ignores)
			findings, mode := p.look(t)
			p.has(t, findings, warn("streaming", "is a pooler", "set postgres.url (FAULTWIRE_POSTGRES_URL) to "))
			if mode != checkup.Polling {
				t.Errorf("mode %q", mode)
			}
		})
	}
}
