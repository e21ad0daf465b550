package checkup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/checkup"
)

// ok, warn and fail are what a test looks for: parts of text and fix.
func ok(name, text string) doctor.Finding        { return doctor.Fine(name, "%s", text) }
func warn(name, text, fix string) doctor.Finding { return doctor.Warn(name, fix, "%s", text) }
func fail(name, text, fix string) doctor.Finding { return doctor.Fail(name, fix, "%s", text) }

// TestSituations looks at databases in which something is as it often is.
func TestSituations(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		arrange func(*testing.T, *patient)
		mode    checkup.Mode
		want    []doctor.Finding
		less    []string // names of which there is no warning and no failure
	}{
		"nothing prepared, as a superuser": {
			func(*testing.T, *patient) {}, checkup.Streaming,
			[]doctor.Finding{
				ok("postgres", `as postgres, table "LiteLLM_SpendLogs" found (LiteLLM 1.80 layout, `), ok("streaming", "wal_level is logical, the role may replicate"),
				ok("slot", `"{}" is not there yet`), ok("publication", `"faultwire" is not there yet`),
				warn("wal", "max_slot_wal_keep_size is -1", "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();"),
				warn("role", "postgres is a superuser", "faultwire setup --admin-url"),
				warn("failures", "no request was written in the last 24 h", "disable_spend_logs"), ok("clock", "agree"), ok("tls", "stays on this machine"),
			},
			nil,
		},
		"the role of setup, followed": {
			func(t *testing.T, p *patient) {
				p.follow(t)
				p.least(t)
				p.stream(t)
				p.requests(t, 3, "success")
				p.requests(t, 2, "failure")
			}, checkup.Streaming,
			[]doctor.Finding{
				ok("slot", `of WAL, followed by process `), ok("slot", `program "faultwire"`), ok("publication", "sends failed requests"),
				ok("role", "{} may read what faultwire needs"), ok("failures", "5 requests in 24 h, 2 of them failed"),
			},
			[]string{"postgres", "streaming", "slot", "publication", "role", "failures"},
		},
		"a role that may nothing": {
			func(t *testing.T, p *patient) { p.as(t, "CONNECTION LIMIT 3") }, checkup.None,
			[]doctor.Finding{
				warn("streaming", "role {} may not replicate: polling will be used", `as a superuser: ALTER ROLE "{}" REPLICATION;`),
				warn("publication", `"faultwire" is not there, and role {} may not make it`, `CREATE PUBLICATION "faultwire"`),
				fail("role", `{} may not read "LiteLLM_SpendLogs", which polling needs`, `GRANT SELECT ON "public"."LiteLLM_SpendLogs" TO "{}";`),
				warn("role", "may not look up key aliases", `GRANT SELECT (token, key_alias) ON "public"."LiteLLM_VerificationToken" TO "{}";`),
				warn("role", "may have 3 connections", `ALTER ROLE "{}" CONNECTION LIMIT 12;`),
			},
			nil,
		},
		"SELECT alone": {
			func(t *testing.T, p *patient) {
				p.as(t, "")
				p.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, p.db.Name)
			}, checkup.Polling,
			[]doctor.Finding{warn("streaming", "may not replicate", "REPLICATION;"), ok("role", "may read what faultwire needs")},
			[]string{"role"},
		},
		"REPLICATION alone": {
			func(t *testing.T, p *patient) {
				p.follow(t)
				p.as(t, "REPLICATION")
			}, checkup.Streaming,
			[]doctor.Finding{warn("role", "no report on what was before, no replay", "GRANT SELECT")},
			[]string{"streaming", "slot", "publication"},
		},
		"streaming is a must": {
			func(t *testing.T, p *patient) {
				p.as(t, "")
				p.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, p.db.Name)
				p.cfg.Mode = "stream"
			}, checkup.None,
			[]doctor.Finding{fail("streaming", "may not replicate", "REPLICATION;"), fail("publication", "may not make it", "CREATE PUBLICATION")},
			nil,
		},
		"polling is wanted, and a slot is there": {
			func(t *testing.T, p *patient) {
				p.follow(t)
				p.cfg.Mode = "poll"
			}, checkup.Polling,
			[]doctor.Finding{ok("streaming", "ingest.mode: poll"), warn("slot", "nobody will: it makes the server keep WAL for ever", "pg_drop_replication_slot('{}');")},
			[]string{"streaming"},
		},
		"another database": {
			func(t *testing.T, p *patient) { p.exec(t, `DROP TABLE "LiteLLM_SpendLogs"`) }, checkup.None,
			[]doctor.Finding{fail("postgres", "is this LiteLLM's database?", "FAULTWIRE_POSTGRES_SCHEMA"), ok("clock", "agree")},
			nil,
		},
		"a slot without its publication": {
			func(t *testing.T, p *patient) {
				p.exec(t, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", p.db.Name)
			}, checkup.Streaming,
			[]doctor.Finding{warn("publication", `"faultwire" is gone, and slot "{}" can't be used without`, "nothing to do")},
			nil,
		},
		"a slot without its publication, and a role that may not make it": {
			func(t *testing.T, p *patient) {
				p.exec(t, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", p.db.Name)
				p.least(t)
			}, checkup.Polling,
			[]doctor.Finding{warn("publication", `no publication "faultwire"`, "pg_drop_replication_slot")},
			nil,
		},
		"a slot of another plugin": {
			func(t *testing.T, p *patient) {
				p.publish(t)
				p.exec(t, "SELECT pg_create_logical_replication_slot('%s', 'test_decoding')", p.db.Name)
			}, checkup.Polling,
			[]doctor.Finding{warn("slot", "test_decoding", "FAULTWIRE_INGEST_SLOT")},
			nil,
		},
		"a publication without filter": {
			func(t *testing.T, p *patient) {
				p.exec(t, `CREATE PUBLICATION faultwire FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert', publish_via_partition_root = true)`)
			}, checkup.Streaming,
			[]doctor.Finding{warn("publication", "sends successful requests too", `as its owner: ALTER PUBLICATION "faultwire" SET TABLE`)},
			nil,
		},
		"no failure is ever written": {
			func(t *testing.T, p *patient) { p.requests(t, 600, "success") }, checkup.Streaming,
			[]doctor.Finding{warn("failures", "600 requests in 24 h and not one failure row: is disable_error_logs: true in LiteLLM's config?", "disable_error_logs: false")},
			nil,
		},
		"the newest of many": {
			func(t *testing.T, p *patient) { p.requests(t, 10_001, "success") }, checkup.Streaming,
			[]doctor.Finding{warn("failures", "the newest 10,000 requests of the last 24 h and not one failure row", "disable_error_logs: false")},
			nil,
		},
		"the wrong password": {
			func(t *testing.T, p *patient) { p.login(t, "postgres", password) }, checkup.None,
			[]doctor.Finding{fail("postgres", `does not let user "postgres" in`, "FAULTWIRE_POSTGRES_PASSWORD")},
			nil,
		},
		"nobody there": {
			func(_ *testing.T, p *patient) { p.url = "postgres://u@127.0.0.1:1/litellm" }, checkup.None,
			[]doctor.Finding{fail("postgres", "no connection to 127.0.0.1:1", "start PostgreSQL, or correct postgres.url (FAULTWIRE_POSTGRES_URL)")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			s.arrange(t, p)
			findings, mode := p.look(t)
			if mode != s.mode {
				t.Errorf("mode %q, want %q", mode, s.mode)
			}
			for _, want := range s.want {
				if p.db.Server.Major() != oldest || !strings.Contains(want.Text, "successful requests") {
					p.has(t, findings, want)
				}
			}
			for _, f := range findings {
				for _, name := range s.less {
					if f.Name == name && f.State != doctor.OK && (name != "postgres" || p.db.Server.Major() != oldest) {
						t.Errorf("%+v", f)
					}
				}
			}
		})
	}
}

// TestRescued: a publication that is as it must be, until rescued requests are wanted.
// PostgreSQL 14 has no filters, and sends them anyway.
func TestRescued(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.follow(t)
	p.cfg.Rescued = true
	findings, mode := p.look(t)
	want := checkup.Streaming
	if p.db.Server.Major() != oldest {
		want = checkup.Polling
		p.has(t, findings, warn("publication", "ingest.include_rescued is true and its row filter keeps rescued requests back", `ALTER PUBLICATION "faultwire" SET TABLE`))
	}
	if mode != want {
		t.Errorf("mode %q, want %q", mode, want)
	}
}

// TestLayouts guesses LiteLLM's release.
func TestLayouts(t *testing.T) {
	t.Parallel()
	for version, layout := range map[string]string{"1.67.2": "1.67", "1.80.10": "1.80", "1.83.14": "1.83", "1.106.0": "1.106"} {
		p := newPatient(t, testkit.WithSchema(version))
		findings, _ := p.look(t)
		p.has(t, findings, ok("postgres", fmt.Sprintf("(LiteLLM %s layout, ", layout)))
	}
}

// TestSize: a partitioned table is as large as its parts.
func TestSize(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.exec(t, `ALTER TABLE "LiteLLM_SpendLogs" RENAME TO old; CREATE TABLE "LiteLLM_SpendLogs" (LIKE old INCLUDING DEFAULTS) PARTITION BY RANGE ("startTime");
		CREATE TABLE part PARTITION OF "LiteLLM_SpendLogs" DEFAULT`)
	p.requests(t, 1234, "success")
	p.exec(t, `ANALYZE "LiteLLM_SpendLogs"`)
	findings, _ := p.look(t)
	p.has(t, findings, ok("postgres", "layout, 1.2K rows, "))
}
