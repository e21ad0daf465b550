package role_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/role"
)

type fixture struct {
	db    *testkit.Database
	admin *pgx.Conn
	table postgres.Table
	role  role.Role
}

func open(t *testing.T, opts ...testkit.Option) fixture {
	t.Helper()
	f := fixture{db: testkit.Postgres(t, opts...)}
	f.admin = f.db.Conn(t)
	var err error
	if f.table, err = postgres.FindTable(t.Context(), f.admin, "public", false); err != nil {
		t.Fatal(err)
	}
	if f.role, err = role.Of(t.Context(), f.admin, f.table, f.db.Name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := f.role.Drop(context.WithoutCancel(t.Context()), f.admin); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f fixture) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := f.admin.PgConn().Exec(context.WithoutCancel(t.Context()), fmt.Sprintf(sql, args...)).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// login connects as the role.
func (f fixture) login(t *testing.T, password config.Secret) (*pgx.Conn, error) {
	t.Helper()
	u, err := url.Parse(f.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(f.role.Name, password.Reveal())
	conn, err := pgx.Connect(t.Context(), u.String())
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}

func wanted(password config.Secret, rotate bool) role.Wanted {
	return role.Wanted{Password: password, Rotate: rotate, Keep: func() error { return nil }}
}

// TestLeast: the role can do what it must, and not more.
func TestLeast(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			f := open(t, testkit.WithSchema(version))
			password := role.NewPassword()
			if made, set, err := f.role.Make(t.Context(), f.admin, wanted(password, false)); err != nil || !made || !set {
				t.Fatalf("%v, %v, %v", made, set, err)
			}
			conn, err := f.login(t, password)
			if err != nil {
				t.Fatal(err)
			}
			missing, err := role.Missing(t.Context(), conn, f.table)
			if err != nil || len(missing.Table)+len(missing.Aliases) > 0 {
				t.Errorf("missing %+v, %v", missing, err)
			}
			for sql, allowed := range map[string]bool{
				`SELECT row_to_json(s) FROM "LiteLLM_SpendLogs" s`:                                                    true,
				`SELECT token, key_alias FROM "LiteLLM_VerificationToken"`:                                            true,
				`SELECT metadata FROM "LiteLLM_VerificationToken"`:                                                    false,
				`DELETE FROM "LiteLLM_SpendLogs"`:                                                                     false,
				`CREATE PUBLICATION other`:                                                                            false,
				fmt.Sprintf("SELECT pg_create_logical_replication_slot('%[1]s', 'pgoutput')", f.db.Name):              true,
				fmt.Sprintf("SELECT FROM pg_roles WHERE rolname = '%s' AND (rolsuper OR rolcreaterole)", f.role.Name): true,
			} {
				if _, err := conn.Exec(t.Context(), sql); (err == nil) != allowed {
					t.Errorf("%s: %v", sql, err)
				}
			}
		})
	}
}

// TestRepeat: a role that is there keeps its password unless it is to have another,
// and gets back what it lacks.
func TestRepeat(t *testing.T) {
	t.Parallel()
	f := open(t)
	first, second := role.NewPassword(), role.NewPassword()
	if _, _, err := f.role.Make(t.Context(), f.admin, wanted(first, false)); err != nil {
		t.Fatal(err)
	}
	f.exec(t, `REVOKE SELECT ON "LiteLLM_SpendLogs" FROM %[1]s; ALTER ROLE %[1]s NOREPLICATION`, f.role.Name)
	if made, set, err := f.role.Make(t.Context(), f.admin, wanted(second, false)); err != nil || made || set {
		t.Fatalf("again: %v, %v, %v", made, set, err)
	}
	conn, err := f.login(t, first)
	if err != nil {
		t.Fatalf("the password was changed: %v", err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT FROM "LiteLLM_SpendLogs"`); err != nil {
		t.Error(err)
	}
	if s, err := f.role.Look(t.Context(), f.admin); err != nil || !s.Replication {
		t.Errorf("%+v, %v", s, err)
	}
	refused := errors.New("the disk is full")
	w := role.Wanted{Password: second, Rotate: true, Keep: func() error { return refused }}
	if _, _, err := f.role.Make(t.Context(), f.admin, w); !errors.Is(err, refused) {
		t.Errorf("not kept: %v", err)
	}
	if _, err := f.login(t, first); err != nil {
		t.Errorf("a password that nobody knows counts: %v", err)
	}
	if made, set, err := f.role.Make(t.Context(), f.admin, wanted(second, true)); err != nil || made || !set {
		t.Fatalf("rotate: %v, %v, %v", made, set, err)
	}
	if _, err := f.login(t, first); postgres.State(err) != postgres.StateInvalidPassword {
		t.Errorf("the old password still works: %v", err)
	}
	if _, err := f.login(t, second); err != nil {
		t.Error(err)
	}
}

// TestForeign: LiteLLM's own role is neither given a password nor dropped, whatever
// name was asked for.
func TestForeign(t *testing.T) {
	t.Parallel()
	f := open(t)
	owner := f.db.Name + "_owner"
	f.exec(t, `CREATE ROLE %[1]s LOGIN; ALTER TABLE "LiteLLM_SpendLogs" OWNER TO %[1]s`, owner)
	t.Cleanup(func() {
		f.exec(t, "REASSIGN OWNED BY %[1]s TO CURRENT_USER; DROP OWNED BY %[1]s; DROP ROLE %[1]s", owner)
	})
	for name, why := range map[string]string{owner: "owns 1 objects", "postgres": "is a superuser"} {
		f.role.Name = name
		_, _, err := f.role.Make(t.Context(), f.admin, wanted("x", true))
		if !postgres.IsSettings(err) || !strings.Contains(err.Error(), why) {
			t.Errorf("make %s: %v", name, err)
		}
		if _, err := f.role.Drop(t.Context(), f.admin); !postgres.IsSettings(err) || !strings.Contains(err.Error(), why) {
			t.Errorf("drop %s: %v", name, err)
		}
	}
	f.role.Name = f.db.Name // of the clean-up
}

// TestDrop removes the role, also as one that is no superuser, and again.
func TestDrop(t *testing.T) {
	t.Parallel()
	f := open(t)
	if dropped, err := f.role.Drop(t.Context(), f.admin); err != nil || dropped {
		t.Errorf("no role: %v, %v", dropped, err)
	}
	// An administrator who owns the database can remove what was granted on it.
	admin := f.db.Name + "_admin"
	f.exec(t, "CREATE ROLE %[1]s CREATEROLE; SET ROLE %[1]s; %[2]s; RESET ROLE", admin, "CREATE ROLE "+f.role.Name+" LOGIN")
	defer f.exec(t, "RESET ROLE; ALTER DATABASE %s OWNER TO CURRENT_USER; DROP ROLE %s", f.db.Name, admin)
	f.exec(t, "GRANT CONNECT ON DATABASE %[1]s TO %[1]s; SET ROLE %[2]s", f.role.Name, admin)
	if _, err := f.role.Drop(t.Context(), f.admin); !postgres.IsSettings(err) || !strings.Contains(err.Error(), "privileges for database") || !strings.Contains(err.Error(), "DROP ROLE") {
		t.Errorf("granted by somebody else: %v", err)
	}
	f.exec(t, "RESET ROLE; ALTER DATABASE %s OWNER TO %s; SET ROLE %[2]s", f.db.Name, admin)
	if dropped, err := f.role.Drop(t.Context(), f.admin); err != nil || !dropped {
		t.Errorf("%v, %v", dropped, err)
	}
}

// TestPlainRole: who may not make one is told by whom and how.
func TestPlainRole(t *testing.T) {
	t.Parallel()
	f := open(t)
	plain := f.db.Name + "_plain"
	f.exec(t, "CREATE ROLE %[1]s; SET ROLE %[1]s", plain)
	_, _, err := f.role.Make(t.Context(), f.admin, wanted("x", false))
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "--admin-url") || !strings.Contains(err.Error(), "CREATE ROLE") {
		t.Error(err)
	}
	f.exec(t, "RESET ROLE; DROP ROLE %s", plain)
}

// TestRDS: replication is given by membership.
func TestRDS(t *testing.T) {
	t.Parallel()
	r := role.Role{Name: "faultwire", Database: "litellm", Table: postgres.LatestTable("public"), RDS: true}
	if sql := r.CreateSQL(); strings.Contains(sql, "REPLICATION") {
		t.Error(sql)
	}
	if sql := r.GrantSQL(); sql[0] != `GRANT rds_replication TO "faultwire";` {
		t.Error(sql)
	}
}
