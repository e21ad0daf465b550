package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest"
)

const secret = "s3cr3t-Pa55"

// TestWrongSettings checks that a start with settings that no retry mends ends at
// once, with the remedy, and that the remedy helps.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	const filtersOldRows = "publication with a filter that loses old rows"
	type situation struct {
		arrange func(t *testing.T, r *rig)
		want    []string
		mend    func(t *testing.T, r *rig)
	}
	for name, s := range map[string]situation{
		"no REPLICATION": {
			func(t *testing.T, r *rig) {
				r.as(t, "")
				r.exec(t, fmt.Sprintf(`GRANT ALL ON DATABASE %s TO %[1]s; ALTER TABLE "LiteLLM_SpendLogs" OWNER TO %[1]s`, r.db.Name))
			},
			[]string{"may not replicate", "ALTER ROLE", "REPLICATION;"},
			func(t *testing.T, r *rig) { r.exec(t, fmt.Sprintf("ALTER ROLE %s REPLICATION", r.db.Name)) },
		},
		"may not make the publication": {
			func(t *testing.T, r *rig) { r.as(t, "REPLICATION") },
			[]string{"ingest.publication", "CREATE PUBLICATION \"faultwire\" FOR TABLE \"public\".\"LiteLLM_SpendLogs\" W"},
			func(t *testing.T, r *rig) {
				statements, err := ingest.SetupSQL(t.Context(), r.cfg)
				if err != nil {
					t.Fatal(err)
				}
				r.exec(t, statements[0])
			},
		},
		"wrong password": {
			func(t *testing.T, r *rig) { r.cfg.Postgres.Password = secret },
			[]string{"postgres.url", "FAULTWIRE_POSTGRES_PASSWORD"},
			func(_ *testing.T, r *rig) { r.cfg.Postgres.Password = "" },
		},
		"no such database": {
			func(_ *testing.T, r *rig) { r.cfg.Postgres.Database = "nosuch" },
			[]string{"postgres.database", `"nosuch"`, "FAULTWIRE_POSTGRES_DATABASE"},
			func(_ *testing.T, r *rig) { r.cfg.Postgres.Database = "" },
		},
		"another database": {
			func(_ *testing.T, r *rig) { r.cfg.Postgres.Database = "postgres" },
			[]string{"is this LiteLLM's database?", "FAULTWIRE_POSTGRES_SCHEMA"},
			func(_ *testing.T, r *rig) { r.cfg.Postgres.Database = "" },
		},
		"slot of another plugin": {
			func(t *testing.T, r *rig) {
				r.exec(t, fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'test_decoding')", r.db.Name))
			},
			[]string{"ingest.slot", "test_decoding", "FAULTWIRE_INGEST_SLOT"},
			func(_ *testing.T, r *rig) { r.cfg.Ingest.Slot += "_2" },
		},
		"slot of another database": {
			func(t *testing.T, r *rig) {
				other := testkit.Postgres(t)
				if _, err := other.Conn(t).Exec(t.Context(), fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", other.Name)); err != nil {
					t.Fatal(err)
				}
				r.cfg.Ingest.Slot = other.Name
			},
			[]string{"ingest.slot", "belongs to database", "FAULTWIRE_INGEST_SLOT"},
			func(_ *testing.T, r *rig) { r.cfg.Ingest.Slot = r.db.Name },
		},
		filtersOldRows: {
			func(t *testing.T, r *rig) {
				r.exec(t, `CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs" WHERE (status <> 'success') WITH (publish = 'insert', publish_via_partition_root = true)`)
			},
			[]string{"ingest.publication", "ALTER PUBLICATION \"faultwire\" SET TABLE"},
			func(t *testing.T, r *rig) {
				_, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
				_, fix, _ := strings.Cut(err.Error(), "Run as its owner: ")
				r.exec(t, fix)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if name == filtersOldRows && r.db.Server.Major() < 15 {
				return // it has no filters
			}
			s.arrange(t, r)
			check := func(err error) {
				t.Helper()
				if !ingest.IsSettings(err) || !containsAll(err.Error(), s.want...) || strings.Contains(err.Error(), secret) {
					t.Errorf("error %v, want a settings error with %q", err, s.want)
				}
			}
			check(r.start(t).result(t))
			_, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
			check(err)
			s.mend(t, r)
			x := r.following(t)
			r.generate(t, "a-", 6, 3)
			r.agrees(t)
			x.stop(t)
		})
	}
}

// as makes a role of the database's name and lets the service be it.
func (r *rig) as(t *testing.T, attributes string) {
	t.Helper()
	r.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", r.db.Name, attributes, secret))
	t.Cleanup(func() {
		r.exec(t, fmt.Sprintf("REASSIGN OWNED BY %s TO CURRENT_USER; DROP OWNED BY %[1]s; DROP ROLE %[1]s", r.db.Name))
	})
	r.cfg.Postgres.User, r.cfg.Postgres.Password = r.db.Name, secret
}

// TestWALLevel: a server that writes too little is a matter of its settings; by the
// default mode its table is polled until they are changed.
func TestWALLevel(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"wal_level": "replica", "fsync": "off"})
	_, conn := testkit.Broker(t)
	r := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), conn)
	err := r.start(t).result(t)
	if !ingest.IsSettings(err) || !containsAll(err.Error(), "wal_level = replica", "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL") {
		t.Fatal(err)
	}
	r.cfg.Ingest.Mode = "auto"
	x := r.start(t)
	e := testkit.WaitLog(t, x.logs, wait, "polling every 10 s")
	if text := fmt.Sprint(e.Attrs["missing"]); !containsAll(text, "wal_level = replica", "ALTER SYSTEM SET wal_level = logical") {
		t.Errorf("missing %q", text)
	}
	r.generate(t, "polled-", 6, 3)
	r.agrees(t)
	r.vouched(t)
	x.stop(t)
	statements, err := ingest.SetupSQL(t.Context(), r.cfg)
	if err != nil || len(statements) != 3 {
		t.Fatalf("%q, %v", statements, err)
	}
	r.exec(t, statements[0])
	r.restart(t, func(ctx context.Context) error { return nil })
	for _, sql := range statements[1:] {
		r.exec(t, sql)
	}
	r.following(t)
	r.generate(t, "a-", 6, 3)
	r.agrees(t)
}

// TestNoSlotFree: all slots of the server are in use.
func TestNoSlotFree(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, map[string]string{"max_replication_slots": "1", "max_wal_senders": "1", "fsync": "off"})
	_, conn := testkit.Broker(t)
	r := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), conn)
	r.exec(t, "SELECT pg_create_physical_replication_slot('other')")
	err := r.start(t).result(t)
	if !ingest.IsSettings(err) || !containsAll(err.Error(), "max_replication_slots", "ALTER SYSTEM SET max_replication_slots") {
		t.Error(err)
	}
	r.exec(t, "SELECT pg_drop_replication_slot('other')")
	x := r.following(t)
	other := rigOn(t, testkit.Postgres(t, testkit.WithServer(server)), conn)
	err = other.start(t).result(t) // its walsender is the one too many
	if !ingest.IsSettings(err) || !containsAll(err.Error(), "max_wal_senders", "ALTER SYSTEM SET max_wal_senders") {
		t.Error(err)
	}
	x.stop(t)
}

// unreachable is an address where nobody listens.
func unreachable(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestUnreachable: a database that isn't there is tried for a while, and is no
// fault of the settings for sure.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	address := unreachable(t)
	r.cfg.Postgres.URL = config.URL((&url.URL{Scheme: "postgres", User: url.UserPassword("litellm", secret), Host: address, Path: "litellm"}).String())
	began := time.Now()
	x := r.start(t)
	err := x.result(t)
	if err == nil || ingest.IsSettings(err) || !containsAll(err.Error(), "postgres.url", address, "FAULTWIRE_POSTGRES_URL") || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
	if time.Since(began) < 2*time.Second {
		t.Errorf("it gave up after %s", time.Since(began))
	}
	if entries := x.logs.Entries(); len(entries) == 0 {
		t.Error("nothing was logged meanwhile")
	}

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := ingest.Setup(ctx, r.cfg, testkit.Logger(t)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), address) {
		t.Errorf("setup: %v", err)
	}
	statements, err := ingest.SetupSQL(t.Context(), r.cfg)
	if err == nil || len(statements) != 2 || !strings.HasPrefix(statements[0], "CREATE PUBLICATION") || !strings.Contains(statements[0], "status <> 'success'") {
		t.Errorf("setup --print: %q, %v", statements, err)
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, testkit.WithSchema(version))
			for i := range 2 {
				report, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
				if err != nil {
					t.Fatal(err)
				}
				if report.PublicationMade != (i == 0) || report.SlotMade != (i == 0) || report.Slot != r.db.Name || len(report.Warnings) > 0 {
					t.Errorf("run %d: %+v", i, report)
				}
				if strings.Contains(fmt.Sprintf("%+v", report), "postgres:") {
					t.Errorf("the password is in %+v", report)
				}
			}
			r.exec(t, fmt.Sprintf("SELECT pg_drop_replication_slot('%s'); DROP PUBLICATION faultwire", r.db.Name))
			statements, err := ingest.SetupSQL(t.Context(), r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range statements {
				r.exec(t, sql)
			}
			report, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
			if err != nil || report.PublicationMade || report.SlotMade {
				t.Errorf("after the printed statements: %+v, %v", report, err)
			}
		})
	}
}

func TestUnfiltered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(t, `CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert', publish_via_partition_root = true)`)
	report, err := ingest.Setup(t.Context(), r.cfg, testkit.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	// PostgreSQL 14 has no filters to warn of.
	if r.db.Server.Major() >= 15 && (len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "ALTER PUBLICATION")) {
		t.Errorf("%+v", report)
	}
	r.following(t)
	r.insert(t, testkit.Rows(t, "1.80.10")) // ingest drops the successes itself
	r.agrees(t)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cfg := ingest.Default()
	cfg.Ingest.Slot = ""
	err := cfg.Validate()
	if err == nil || !ingest.IsSettings(err) || !containsAll(err.Error(), "postgres.url", "ingest.slot") {
		t.Errorf("error %v", err)
	}
	if _, err := ingest.New(cfg, ingest.Deps{Log: testkit.Logger(t)}); err == nil {
		t.Error("New takes it")
	}
}
