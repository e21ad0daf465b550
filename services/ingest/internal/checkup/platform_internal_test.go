package checkup

import (
	"strings"
	"testing"
)

func TestManagedByHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]kind{
		"litellm.abc.eu-central-1.rds.amazonaws.com": rds, "ep-cool-1.eu-central-1.aws.neon.tech": neon, "db.abcd.supabase.co": supabase,
		"x.postgres.database.azure.com": azure, "db.example.com": ordinary, "localhost": ordinary,
	} {
		if got := managed(host, nil, nil); got.kind != want {
			t.Errorf("%s: %v, want %v", host, got.kind, want)
		}
	}
	if got := managed("db", nil, []string{"cloudsql"}); got.kind != cloudSQL {
		t.Errorf("by its settings: %v", got.kind)
	}
}

func TestViaPooler(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"ep-cool-1-pooler.eu.aws.neon.tech:5432":     "direct host: ep-cool-1.eu.aws.neon.tech",
		"aws-0-eu.pooler.supabase.com:5432":          "direct connection",
		"db.abcd.supabase.co:6543":                   "direct connection",
		"db.abcd.supabase.co:5432":                   "",
		"localhost:6543":                             "",
		"litellm-pooler:5432":                        "",
		"/var/run/postgresql:5432":                   "",
		"no address":                                 "",
		"ep-cool-1.eu-central-1.aws.neon.tech:5432":  "",
		"pgbouncer-pooler.internal.example.com:5432": "direct host: pgbouncer.internal.example.com",
	} {
		fix, is := viaPooler(address)
		if is != (want != "") || !strings.Contains(fix, want) {
			t.Errorf("%s: %q, %v", address, fix, is)
		}
	}
}

// TestRemedies: every platform has one for everything, and a compose service its own.
func TestRemedies(t *testing.T) {
	t.Parallel()
	for k := ordinary; k <= neon; k++ {
		p := platform{kind: k, name: "lite llm", unit: "16-main", connect: "-U u"}
		for what, text := range map[string]string{
			"logical": p.logical(), "restart": p.restart(), "replication": p.replication(`a"b`), "more": p.more("max_wal_senders", 20), "keep": p.keep(),
		} {
			if text == "" || strings.Contains(text, "lite llm") && !strings.Contains(text, "'lite llm'") || strings.Contains(text, "%!") {
				t.Errorf("%d %s: %q", k, what, text)
			}
		}
	}
	if got := (platform{kind: compose, name: "db"}).logical(); got != "as a superuser: ALTER SYSTEM SET wal_level = logical; then docker compose restart db" {
		t.Error(got)
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Run this": "run this", "GRANT x": "GRANT x", "": "", "A": "A", "as it is": "as it is"} {
		if got := lower(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
