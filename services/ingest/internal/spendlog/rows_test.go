package spendlog_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlogtest"
)

const table = `"LiteLLM_SpendLogs"`

// stored is a release's rows as a real Postgres sends them.
type stored struct {
	version string
	layout  *spendlog.Layout
	columns []spendlog.Column
	rows    [][]spendlog.Value
	table   *spendlogtest.Table
	failed  []string // request_ids, by the rule in SQL
}

// store inserts a release's rows as LiteLLM does, and reads them.
func store(t *testing.T, version string) stored {
	t.Helper()
	db := testkit.Postgres(t, testkit.WithSchema(version))
	all := testkit.Rows(t, version)
	for chunk := range slices.Chunk(all, 500) {
		if err := sample.Insert(t.Context(), db.Conn(t), chunk); err != nil {
			t.Fatal(err)
		}
	}
	conn := connect(t, db)
	s := stored{version: version}
	var err error
	if s.columns, s.rows, err = spendlogtest.Select(t.Context(), conn.PgConn(), "SELECT * FROM "+table); err != nil {
		t.Fatal(err)
	}
	if len(s.rows) != len(all) {
		t.Fatalf("%d rows are stored, want %d", len(s.rows), len(all))
	}
	if s.layout, err = spendlog.NewLayout(s.columns); err != nil {
		t.Fatal(err)
	}
	if s.table, err = spendlogtest.ReadTable(t.Context(), conn, table, ""); err != nil {
		t.Fatal(err)
	}
	rule := "status <> 'success' OR status IS NULL AND metadata->>'status' = 'failure'"
	if version == "1.67.2" {
		rule = "metadata->>'status' = 'failure'"
	}
	found, err := conn.Query(t.Context(), "SELECT request_id FROM "+table+" WHERE "+rule)
	if err != nil {
		t.Fatal(err)
	}
	if s.failed, err = pgx.CollectRows(found, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	if len(s.failed) == 0 || len(s.failed) == len(s.rows) {
		t.Fatalf("%d of %d rows failed: these rows show nothing", len(s.failed), len(s.rows))
	}
	return s
}

// connect opens a connection with the settings that the printing of values needs.
func connect(t *testing.T, db *testkit.Database) *pgx.Conn {
	t.Helper()
	dialer, err := postgres.NewDialer(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func (s stored) id(row []spendlog.Value) string {
	return string(row[slices.IndexFunc(s.columns, func(c spendlog.Column) bool { return c.Name == "request_id" })].Text)
}

func TestRealRows(t *testing.T) {
	t.Parallel()
	for _, version := range testkit.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := store(t, version)
			if strange := s.layout.Strange(); strange != nil {
				t.Errorf("columns of unknown types: %v", strange)
			}
			t.Run("JSON", s.testJSON)
			t.Run("Failed", s.testFailed)
			t.Run("Failure", s.testFailure)
			t.Run("Rescued", s.testRescued)
			t.Run("Whole", s.testWhole)
		})
	}
}

// Every row is printed byte for byte as by row_to_json.
func (s stored) testJSON(t *testing.T) {
	for _, row := range s.rows {
		if err := s.table.Check(s.layout, s.columns, row); err != nil {
			t.Error(err)
		}
	}
	if unseen := s.table.Unseen(); unseen != nil {
		t.Errorf("rows not read: %v", unseen)
	}
}

// The rule of what is a failure is the same as in SQL.
func (s stored) testFailed(t *testing.T) {
	var got []string
	for _, row := range s.rows {
		if s.layout.Failed(row) {
			got = append(got, s.id(row))
		}
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(s.failed))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failed rows by SQL and by Failed: %s", diff)
	}
}

// With prompts kept, the row of a failure is the redacted row_to_json; without a
// redactor, it is row_to_json itself.
func (s stored) testWhole(t *testing.T) {
	r := redact.New(redact.Options{})
	for _, row := range s.rows {
		if !s.layout.Failed(row) {
			continue
		}
		want := s.table.JSON(s.id(row))
		f, err := s.layout.Failure(row, spendlog.Options{KeepPrompts: true})
		if err != nil || string(f.Row) != want {
			t.Fatalf("row %s, error %v:\n got %s\nwant %s", s.id(row), err, f.Row, want)
		}
		f, err = s.layout.Failure(row, spendlog.Options{KeepPrompts: true, Redactor: r})
		if err != nil || string(f.Row) != string(r.JSON(nil, []byte(want))) {
			t.Fatalf("row %s, error %v: redacted:\n got %s", s.id(row), err, f.Row)
		}
	}
}

var clearKey = regexp.MustCompile(`\b(sk-[0-9A-Za-z-]{16,}|Bearer-[0-9a-f]{24})`)

func (s stored) testFailure(t *testing.T) {
	o := spendlog.Options{Redactor: redact.New(redact.Options{})}
	unknown, n := 0, 0
	for _, row := range s.rows {
		if !s.layout.Failed(row) {
			continue
		}
		id := s.id(row)
		f, err := s.layout.Failure(row, o)
		if err != nil {
			t.Fatalf("row %s: %v", id, err)
		}
		n++
		if f.Class == event.ClassUnknown {
			unknown++
		}
		encoded, err := event.Encode(f)
		if err != nil {
			t.Fatalf("row %s: %v", id, err)
		}
		if key := clearKey.Find(encoded); key != nil {
			t.Errorf("row %s: %s is in the event", id, key)
		}
		if back, err := event.Decode[event.Failure](encoded); err != nil || back.ID != f.ID {
			t.Errorf("row %s does not decode: %v", id, err)
		}
		want := expect(t, o.Redactor, []byte(s.table.JSON(id)))
		if diff := cmp.Diff(want.log, f.Log); diff != "" {
			t.Errorf("row %s: entry of the log (-want +got): %s", id, diff)
		}
		got := names{f.Model, f.Key, f.Provider, f.Team}
		if diff := cmp.Diff(want.names, got, cmp.AllowUnexported(names{})); diff != "" {
			t.Errorf("row %s: names (-want +got): %s", id, diff)
		}
		if want := *want.log.Time; f.Started.Format("2006-01-02T15:04:05.999") != want || f.Ended.Before(f.Started) {
			t.Errorf("row %s: started %s, ended %s, startTime is %s", id, f.Started, f.Ended, want)
		}
		if f.ID == (event.ID{}) || f.Fingerprint == "" || f.Title == "" || f.Check == "" || f.Own || f.HealthCheck {
			t.Errorf("row %s: %+v", id, f)
		}
		checkColumns(t, id, f.Row, []byte(s.table.JSON(id)))
	}
	if unknown*50 > n {
		t.Errorf("%d of %d failures are of class unknown", unknown, n)
	}
}

// names are what rules and labels go by.
type names struct{ model, key, provider, team string }

type expected struct {
	log   event.LogEntry
	names names
}

// expect reads a row with encoding/json, by the words of the documentation.
func expect(t *testing.T, r *redact.Redactor, row []byte) expected {
	t.Helper()
	var raw struct {
		RequestID *string `json:"request_id"`
		Time      *string `json:"startTime"`
		Model     *string `json:"model"`
		Status    *string `json:"status"`
		Group     *string `json:"model_group"`
		APIKey    *string `json:"api_key"`
		Provider  *string `json:"custom_llm_provider"`
		Team      *string `json:"team_id"`
		Metadata  struct {
			Status    *string `json:"status"`
			Alias     *string `json:"user_api_key_alias"`
			Key       *string `json:"user_api_key"`
			TeamAlias *string `json:"user_api_key_team_alias"`
			TeamID    *string `json:"user_api_key_team_id"`
			Error     struct {
				Class    *string `json:"error_class"`
				Message  *string `json:"error_message"`
				Provider *string `json:"llm_provider"`
			} `json:"error_information"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(row, &raw); err != nil {
		t.Fatal(err)
	}
	m := raw.Metadata
	clean := func(s *string) *string {
		if s == nil {
			return nil
		}
		out := string(r.Text(nil, []byte(*s)))
		return &out
	}
	first := func(all ...*string) string {
		for _, s := range all {
			if s != nil && *s != "" && *s != "None" {
				return *s
			}
		}
		return ""
	}
	hash := func(s *string) *string {
		if s != nil && (len(*s) == 64 || *s == "litellm_proxy_master_key") {
			return s
		}
		return nil
	}
	known := func(model *string) *string {
		for _, p := range []string{"openai", "azure", "anthropic", "gemini", "groq", "hosted_vllm", "cohere", "bedrock"} {
			if model != nil && len(*model) > len(p) && (*model)[:len(p)+1] == p+"/" {
				return &p
			}
		}
		return nil
	}
	unknown, unauthenticated := event.Unknown, event.Unauthenticated
	status := raw.Status
	if status == nil {
		status = m.Status
	}
	return expected{
		log: event.LogEntry{
			RequestID: clean(raw.RequestID), Time: raw.Time, Model: clean(raw.Model), KeyName: clean(m.Alias),
			Status: status, ErrorType: clean(m.Error.Class), ErrorMessage: clean(m.Error.Message),
		},
		names: names{
			model: first(raw.Group, raw.Model, &unknown), key: first(m.Alias, hash(raw.APIKey), hash(m.Key), &unauthenticated),
			provider: first(raw.Provider, m.Error.Provider, known(raw.Model), &unknown), team: first(m.TeamAlias, raw.Team, m.TeamID),
		},
	}
}

// checkColumns: every column is there; what differs is a marker or was redacted.
func checkColumns(t *testing.T, id string, got, want []byte) {
	t.Helper()
	var cut, whole map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(got, &cut), json.Unmarshal(want, &whole)); err != nil {
		t.Fatalf("row %s: %v: %s", id, err, got)
	}
	for name, value := range whole {
		is, ok := cut[name]
		switch name {
		case "messages", "response", "proxy_server_request":
			var m struct {
				Cut   string
				Bytes int
			}
			if string(value) != "{}" && string(value) != "null" && string(value) != "[]" {
				if json.Unmarshal(is, &m) != nil || m.Cut != "prompt" || m.Bytes != len(value) {
					t.Errorf("row %s: column %s is %s, want a marker with %d bytes", id, name, is, len(value))
				}
				continue
			}
		case "api_key", "metadata":
			if ok {
				continue
			}
		}
		if !ok || string(is) != string(value) && !clearKey.Match(value) {
			t.Errorf("row %s: column %s is %s, want %s", id, name, is, value)
		}
	}
	if len(cut) != len(whole) {
		t.Errorf("row %s has %d columns, want %d", id, len(cut), len(whole))
	}
}
