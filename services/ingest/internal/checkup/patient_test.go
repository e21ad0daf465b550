package checkup_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/checkup"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publication"
	"github.com/faultwire/faultwire/services/ingest/internal/role"
)

const (
	password = "s3cr3t-Pa55"
	oldest   = 14 // has no row filters, and is warned of
)

// patient is a database to look at; slot, publication and role are named after it.
type patient struct {
	db    *testkit.Database
	admin *pgx.Conn
	url   string // of who looks
	cfg   checkup.Config
}

func newPatient(t *testing.T, opts ...testkit.Option) *patient {
	t.Helper()
	db := testkit.Postgres(t, opts...)
	return &patient{db: db, admin: db.Conn(t), url: db.URL, cfg: checkup.Config{Schema: "public", Publication: "faultwire", Slot: db.Name, Mode: "auto"}}
}

func (p *patient) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := p.admin.PgConn().Exec(context.WithoutCancel(t.Context()), fmt.Sprintf(sql, args...)).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// as makes a role of the database's name, which looks from now on.
func (p *patient) as(t *testing.T, attributes string) {
	t.Helper()
	p.exec(t, "CREATE ROLE %s LOGIN %s PASSWORD '%s'", p.db.Name, attributes, password)
	t.Cleanup(func() { p.exec(t, "DROP OWNED BY %s; DROP ROLE %[1]s", p.db.Name) })
	p.login(t, p.db.Name, password)
}

func (p *patient) login(t *testing.T, user, password string) {
	t.Helper()
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	p.url = u.String()
}

// set sets a parameter of the server and waits until it holds.
func (p *patient) set(t *testing.T, name, value string) {
	t.Helper()
	p.exec(t, "ALTER SYSTEM SET %s = '%s'", name, value)
	p.exec(t, "SELECT pg_reload_conf()")
	testkit.Eventually(t, 10*time.Second, name+" is set", func() bool {
		var now string
		err := p.admin.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&now)
		return err == nil && now == value
	})
}

// follow makes publication and slot as faultwire does.
func (p *patient) follow(t *testing.T) {
	t.Helper()
	p.publish(t)
	p.exec(t, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", p.db.Name)
}

func (p *patient) publish(t *testing.T) {
	t.Helper()
	server, err := postgres.Inspect(t.Context(), p.admin)
	if err != nil {
		t.Fatal(err)
	}
	p.exec(t, "%s", publication.Publication{Name: "faultwire", Table: p.table(t), Major: server.Major()}.CreateSQL())
}

func (p *patient) table(t *testing.T) postgres.Table {
	t.Helper()
	table, err := postgres.FindTable(t.Context(), p.admin, "public", false)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// least makes the role that setup makes, which looks from now on.
func (p *patient) least(t *testing.T) {
	t.Helper()
	r, err := role.Of(t.Context(), p.admin, p.table(t), p.db.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := r.Drop(context.WithoutCancel(t.Context()), p.admin); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := r.Make(t.Context(), p.admin, role.Wanted{Password: password, Keep: func() error { return nil }}); err != nil {
		t.Fatal(err)
	}
	p.login(t, p.db.Name, password)
}

// stream follows the slot until the end of the test.
func (p *patient) stream(t *testing.T) {
	t.Helper()
	d, err := postgres.NewDialer(p.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	err = pglogrepl.StartReplication(t.Context(), conn, p.db.Name, 0, pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'faultwire'"}})
	if err != nil {
		t.Fatal(err)
	}
}

// requests writes some of now.
func (p *patient) requests(t *testing.T, n int, status string) {
	t.Helper()
	p.exec(t, `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", status, metadata)
		SELECT '%s' || i, '', now(), now(), '%[1]s', '{}' FROM generate_series(1, %d) i`, status, n)
}

func (p *patient) look(t *testing.T) ([]doctor.Finding, checkup.Mode) {
	t.Helper()
	d, err := postgres.NewDialer(p.url)
	if err != nil {
		t.Fatal(err)
	}
	p.cfg.Dialer = d
	findings, mode := checkup.Run(t.Context(), p.cfg)
	for i := range findings {
		f := &findings[i]
		if f.State != doctor.OK && f.Fix == "" {
			t.Errorf("no remedy: %+v", f)
		}
		if strings.Contains(f.Text+f.Fix, password) {
			t.Errorf("the password is in it: %+v", f)
		}
	}
	return findings, mode
}

// has looks for a finding with these parts; "{}" stands for the database's name.
func (p *patient) has(t *testing.T, findings []doctor.Finding, want doctor.Finding) {
	t.Helper()
	fill := strings.NewReplacer("{}", p.db.Name).Replace
	if want.Name == "postgres" && want.State == doctor.OK && p.db.Server.Major() == oldest {
		want = warn("postgres", want.Text, "upgrade PostgreSQL to 15")
	}
	for _, f := range findings {
		if f.Name == want.Name && f.State == want.State && strings.Contains(f.Text, fill(want.Text)) && strings.Contains(f.Fix, fill(want.Fix)) {
			return
		}
	}
	t.Errorf("no finding %+v in %s", want, listed(findings))
}

func listed(findings []doctor.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "\n%s %s: %s\n\tfix %s", f.State, f.Name, f.Text, f.Fix)
	}
	return b.String()
}
