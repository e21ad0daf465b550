package publication_test

import (
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

func TestDrop(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	p, conn := open(t, db)
	if dropped, err := p.Drop(t.Context(), conn); err != nil || dropped {
		t.Errorf("none: %v, %v", dropped, err)
	}
	if err := p.Create(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "CREATE ROLE "+db.Name+"; SET ROLE "+db.Name)
	_, err := p.Drop(t.Context(), conn)
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), p.DropSQL()) {
		t.Errorf("not the owner: %v", err)
	}
	exec(t, conn, "RESET ROLE; DROP ROLE "+db.Name)
	// LiteLLM's table may be gone by then.
	exec(t, conn, `DROP TABLE "LiteLLM_SpendLogs"`)
	if dropped, err := p.Drop(t.Context(), conn); err != nil || !dropped {
		t.Errorf("%v, %v", dropped, err)
	}
	for _, sql := range []string{"FOR ALL TABLES", `FOR TABLE "LiteLLM_VerificationToken", "LiteLLM_TeamTable"`} {
		exec(t, conn, "CREATE PUBLICATION "+postgres.Quote(p.Name)+" "+sql)
		if _, err := p.Drop(t.Context(), conn); !postgres.IsSettings(err) || !strings.Contains(err.Error(), "none of faultwire's") {
			t.Errorf("%s: %v", sql, err)
		}
		exec(t, conn, p.DropSQL())
	}
}
