package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
)

// pastSQL makes n failures of a model and a key, from one moment to another, both
// included.
const pastSQL = `INSERT INTO "LiteLLM_SpendLogs"
SELECT (jsonb_populate_record(t, jsonb_build_object(
	'request_id', $1::text || lpad(i::text, 5, '0'), 'model', $2::text, 'model_group', $3::text,
	'startTime', $5::timestamp + (($6::timestamp - $5::timestamp) * i / ($7::int - 1)), 'endTime', $5::timestamp + (($6::timestamp - $5::timestamp) * i / ($7::int - 1)),
	'metadata', (t).metadata || jsonb_build_object('user_api_key_alias', $4::text)))).*
FROM generate_series(0, $7::int - 1) AS i, (SELECT s FROM "LiteLLM_SpendLogs" AS s WHERE request_id = $8) AS one(t)`

// newPast is a table of December 2025, last week and today.
func newPast(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	base := aFailure(t, recent(t))
	if err := sample.Insert(t.Context(), s.conn, recent(t)); err != nil { // today's, with successes
		t.Fatal(err)
	}
	for _, p := range []struct {
		prefix, model, group, key, from, to string
		n                                   int
	}{
		{"dec-agent-", "external-qwen3-30b", "external-qwen3-30b", "agent", "2025-12-01 00:00:00", "2025-12-23 23:59:59", 160},
		{"dec-group-", "openai/qwen3-30b", "external-qwen3-30b", "batch", "2025-12-20 00:00:00", "2025-12-25 23:59:59", 300},
		{"dec-other-", "gpt-4o", "gpt-4o", "agent", "2025-12-19 23:59:59", "2025-12-26 00:00:00", 90},
	} {
		s.exec(pastSQL, p.prefix, p.model, p.group, p.key, p.from, p.to, p.n, base.RequestID)
	}
	s.exec(strings.NewReplacer("$5::timestamp", "(now() AT TIME ZONE 'UTC' - $5::interval)", "$6::timestamp", "(now() AT TIME ZONE 'UTC' - $6::interval)").Replace(pastSQL),
		"week-", "external-qwen3-30b", "external-qwen3-30b", "agent", "6 days 23 hours", "25 hours", 130, base.RequestID)
	return s
}

const (
	isFailed   = `(status <> 'success' OR status IS NULL AND metadata ->> 'status' = 'failure')`
	isQwen     = ` AND (model = 'external-qwen3-30b' OR model_group = 'external-qwen3-30b')`
	isAgent    = ` AND metadata ->> 'user_api_key_alias' = 'agent'`
	inDecember = ` AND "startTime" >= '2025-12-20 00:00:00' AND "startTime" <= '2025-12-25 23:59:59'`
	newest     = ` ORDER BY "startTime" DESC, request_id LIMIT `
)

// TestReplay runs the examples of the old tool's manual: what is in the files is
// what SQL selects, in its order.
func TestReplay(t *testing.T) {
	t.Parallel()
	s := newPast(t)
	llm, err := standin.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := alive(t)
	ended := make(chan error, 1)
	go func() { ended <- llm.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	asked := []string{"FAULTWIRE_LLM_URL=" + llm.URL(), "FAULTWIRE_LLM_MODEL=m", "FAULTWIRE_LLM_CALLS_PER_HOUR=1000", "FAULTWIRE_LLM_CALLS_PER_DAY=1000"}
	december := []string{"--start", "2025-12-20 00:00:00", "--end", "2025-12-25 23:59:59"}
	for name, test := range map[string]struct {
		args  []string
		env   []string
		where string // beside the failure rule
		limit string
		text  string // in the report for people
	}{
		"last day": {where: ` AND "startTime" >= now() AT TIME ZONE 'UTC' - interval '24 hours'`, limit: "100", env: asked, text: "hypothesis (" + standin.Model},
		"range, model and key": {
			args:  []string{"--start", "2025-12-01 00:00:00", "--end", "2025-12-23 23:59:59", "--model", "external-qwen3-30b", "--key", "agent"},
			where: ` AND "startTime" >= '2025-12-01 00:00:00' AND "startTime" <= '2025-12-23 23:59:59'` + isQwen + isAgent, limit: "100",
		},
		"range, model and key by settings": {
			env: []string{
				"FAULTWIRE_REPLAY_START=2025-12-01 00:00:00", "FAULTWIRE_REPLAY_END=2025-12-23 23:59:59", "FAULTWIRE_REPLAY_MODEL=external-qwen3-30b",
				"FAULTWIRE_REPLAY_KEY=agent", "FAULTWIRE_REPLAY_LIMIT=30",
			},
			where: ` AND "startTime" >= '2025-12-01 00:00:00' AND "startTime" <= '2025-12-23 23:59:59'` + isQwen + isAgent, limit: "30",
		},
		"one model, ever": {args: []string{"--model", "external-qwen3-30b", "--time-filter=false"}, where: isQwen, limit: "100"},
		"one key, ever":   {args: []string{"--key", "agent", "--time-filter=false"}, where: isAgent, limit: "100"},
		"last week":       {args: []string{"--days", "7"}, where: ` AND "startTime" >= now() AT TIME ZONE 'UTC' - interval '7 days'`, limit: "100"},
		"hunting one model": {
			args: append(december, "--model", "external-qwen3-30b", "--limit", "200"), where: inDecember + isQwen, limit: "200", text: "200 newest of",
		},
		"root cause": {args: append(december, "--limit", "50"), env: append(asked, "FAULTWIRE_LLM_TIMEOUT=600"), where: inDecember, limit: "50", text: "hypothesis (" + standin.Model},
		"bigger":     {args: append(december, "--limit", "500"), where: inDecember, limit: "500"},
		"all":        {args: append(december, "--limit", "0"), where: inDecember, limit: "ALL"},
		"query only": {args: append(december, "--no-llm"), env: asked, where: inDecember, limit: "100", text: "LLM off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.db.Conn(t)
			output := filepath.Join(t.TempDir(), "own", "folder")
			code, stdout, stderr := run(t, patience, "faultwire", append(s.env(), test.env...), append([]string{"replay", "--output-dir", output}, test.args...)...)
			if code != 0 {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			rows, err := conn.Query(t.Context(), `SELECT request_id FROM "LiteLLM_SpendLogs" WHERE `+isFailed+test.where+newest+test.limit)
			if err != nil {
				t.Fatal(err)
			}
			want, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			all := sets(t, output)
			if len(all) != 1 {
				t.Fatalf("%d sets", len(all))
			}
			set := all[0]
			equal(t, "error_logs_full", want, set.ids(t, "error_logs_full"))
			equal(t, "error_logs_analysis", want, set.ids(t, "error_logs_analysis"))
			if text := set.text(t); !strings.Contains(text, test.text) {
				t.Errorf("the text lacks %q:\n%.2000s", test.text, text)
			}
			for _, file := range set.Files {
				if !strings.Contains(stdout, filepath.Join(set.dir, file)) {
					t.Errorf("%s is not named:\n%s", file, stdout)
				}
			}
			if stderr != "" {
				t.Errorf("said on stderr:\n%s", stderr)
			}
		})
	}
}

// TestReplayOfNothing: the output says which filter left nothing, and so does the
// exit code.
func TestReplayOfNothing(t *testing.T) {
	t.Parallel()
	s := newPast(t)
	code, stdout, stderr := run(t, patience, "faultwire", s.env(), "replay", "--model", "qwen3-30b", "--key", "agent", "--days", "7")
	if code != 3 || stderr != "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{"last 7 days", "→ 0", `no failure has the model or model group "qwen3-30b"`, "did you mean external-qwen3-30b (", "nothing found", "query_params_"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
	all := sets(t, s.output)
	if len(all) != 1 || len(all[0].Files) != 1 {
		t.Fatalf("sets: %+v", all)
	}
	var inRange int
	if err := s.conn.QueryRow(t.Context(), `SELECT count(*) FROM "LiteLLM_SpendLogs" WHERE `+isFailed+` AND "startTime" >= now() AT TIME ZONE 'UTC' - interval '7 days'`).Scan(&inRange); err != nil {
		t.Fatal(err)
	}
	funnel := all[0].Funnel
	if len(funnel) < 3 || funnel[0].Left != inRange || funnel[1].Value != "qwen3-30b" || funnel[1].Left != 0 || len(funnel[1].Near) == 0 || funnel[2].Left != 0 {
		t.Errorf("funnel %+v, %d in range", funnel, inRange)
	}
}

// TestReplayBesideRun: a replay needs only SELECT and disturbs nothing that runs
// on the same folders; a second one at the same time takes a folder of its own.
func TestReplayBesideRun(t *testing.T) {
	t.Parallel()
	s := newPast(t)
	p := s.follow()
	p.expect(patience, `last day .* failures`)
	_, url := s.reader()
	env := append(s.env(), "FAULTWIRE_POSTGRES_URL="+url)
	replays := []*process{start(t, "faultwire", env, "replay", "--days", "7"), start(t, "faultwire", env, "replay", "--days", "7")}
	fresh := recent(t)
	for i := range fresh {
		fresh[i] = changed(t, fresh[i], map[string]any{"request_id": "live-" + fresh[i].RequestID})
	}
	if err := sample.Insert(t.Context(), s.conn, fresh); err != nil {
		t.Fatal(err)
	}
	for _, replay := range replays {
		if code := replay.wait(patience); code != 0 {
			t.Errorf("exit code %d\n%s%s", code, replay.stdout.String(), replay.stderr.String())
		}
	}
	var live int
	for _, row := range fresh {
		if row.Failed() {
			live++
		}
	}
	s.liveIs(live)
	if code := p.stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d", code)
	}
	replayed := 0
	for _, set := range sets(t, s.output) {
		if strings.HasPrefix(set.Run, "replay-") {
			replayed++
		}
	}
	if replayed != 2 {
		t.Errorf("%d replays left a set", replayed)
	}
}
