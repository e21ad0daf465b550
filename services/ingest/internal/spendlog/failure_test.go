package spendlog_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/fingerprint"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const (
	oidText, oidJSON, oidJSONB, oidTimestamp = 25, 114, 3802, 1114

	hash64 = "6a28c2f87fc8089daac0f6d5fbcaf88a3020b67c36a20474e552c98d6ecae4f8"
	none   = "\x00NULL" // a value that is NULL
	gone   = "\x00GONE" // a value that is not in the message
)

// columnsOf are the columns of 1.80 that matter, as a Layout.
func columnsOf() []spendlog.Column {
	return []spendlog.Column{
		{"request_id", oidText},
		{"api_key", oidText},
		{"startTime", oidTimestamp},
		{"endTime", oidTimestamp},
		{"model", oidText},
		{"model_group", oidText},
		{"custom_llm_provider", oidText},
		{"team_id", oidText},
		{"end_user", oidText},
		{"request_tags", oidJSONB},
		{"metadata", oidJSONB},
		{"messages", oidJSONB},
		{"response", oidJSONB},
		{"proxy_server_request", oidJSONB},
		{"status", oidText},
	}
}

// row makes a row; columns that are not named hold what LiteLLM puts for nothing.
func row(values map[string]string) []spendlog.Value {
	all := map[string]string{
		"request_id": "r1", "startTime": "2025-12-25 10:15:30.123", "endTime": "2025-12-25 10:15:31", "status": "failure",
		"request_tags": "[]", "metadata": "{}", "messages": "{}", "response": "{}", "proxy_server_request": "{}",
	}
	maps.Copy(all, values)
	var r []spendlog.Value
	for _, c := range columnsOf() {
		switch v := all[c.Name]; v {
		case none:
			r = append(r, spendlog.Value{Null: true})
		case gone:
			r = append(r, spendlog.Value{Unchanged: true})
		default:
			r = append(r, spendlog.Value{Text: []byte(v)})
		}
	}
	return r
}

func layout(t testing.TB) *spendlog.Layout {
	t.Helper()
	l, err := spendlog.NewLayout(columnsOf())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func failure(t testing.TB, o spendlog.Options, values map[string]string) *event.Failure {
	t.Helper()
	f, err := layout(t).Failure(row(values), o)
	if err != nil {
		t.Fatalf("%v: %v", values, err)
	}
	return f
}

func TestNewLayoutNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := spendlog.NewLayout([]spendlog.Column{{"request_id", oidText}, {"starttime", oidTimestamp}})
	if !errors.Is(err, spendlog.ErrNotSpendLogs) || !strings.Contains(err.Error(), "no column startTime, metadata") {
		t.Errorf("got %v", err)
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, metadata string
		want             bool
	}{
		{"failure", "{}", true},
		{"success", `{"status": "failure"}`, false},
		{"", "{}", true},
		{"timeout", none, true},
		{none, `{"status": "failure"}`, true},
		{none, `{"status": "success", "x": "failure"}`, false},
		{none, `{"x": {"status": "failure"}}`, false},
		{none, `{"status":"failure","status":"success"}`, false}, // json keeps both, ->> takes the last
		{none, `{"status": "\u0066ailure"}`, true},
		{none, `{"status": null}`, false},
		{none, `{}`, false},
		{none, none, false},
		{none, "null", false},
		{none, `"{\"status\": \"failure\"}"`, false}, // ->> of a string is NULL
		{none, `["failure"]`, false},
		{none, `failure`, false},
		{gone, `{"status": "failure"}`, true},
	} {
		if got := layout(t).Failed(row(map[string]string{"status": c.status, "metadata": c.metadata})); got != c.want {
			t.Errorf("status %q, metadata %s: %t, want %t", c.status, c.metadata, got, c.want)
		}
	}
	if !layout(t).Failed(nil) {
		t.Error("a row that can't be read is dropped")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		values map[string]string
		want   names
	}{
		{"nothing", nil, names{"unknown", "unauthenticated", "unknown", ""}},
		{"NULL everywhere", map[string]string{"api_key": none, "model": none, "model_group": none, "custom_llm_provider": none, "team_id": none, "metadata": none}, names{"unknown", "unauthenticated", "unknown", ""}},
		{"group before model", map[string]string{"model": "openai/gpt-4o", "model_group": "gpt-4o"}, names{"gpt-4o", "unauthenticated", "openai", ""}},
		{"rejected before routing", map[string]string{"model": "gpt-4o"}, names{"gpt-4o", "unauthenticated", "unknown", ""}},
		{"a public name with a slash", map[string]string{"model": "../../etc/passwd"}, names{"../../etc/passwd", "unauthenticated", "unknown", ""}},
		{"alias before hash", map[string]string{"api_key": hash64, "metadata": `{"user_api_key_alias": "批处理"}`}, names{"unknown", "批处理", "unknown", ""}},
		{"empty alias", map[string]string{"api_key": hash64, "metadata": `{"user_api_key_alias": ""}`}, names{"unknown", hash64, "unknown", ""}},
		{"1.67", map[string]string{"metadata": `{"user_api_key": "` + hash64 + `", "user_api_key_alias": null}`}, names{"unknown", hash64, "unknown", ""}},
		{"literal None", map[string]string{"api_key": "None", "metadata": `{"user_api_key_alias": "None", "user_api_key": "None"}`}, names{"unknown", "unauthenticated", "unknown", ""}},
		{"malformed key", map[string]string{"api_key": "Bearer-8697e1505328b092e062b087"}, names{"unknown", "unauthenticated", "unknown", ""}},
		{"master key", map[string]string{"api_key": "litellm_proxy_master_key"}, names{"unknown", "litellm_proxy_master_key", "unknown", ""}},
		{"JWT", map[string]string{"api_key": "hashed-jwt-" + hash64}, names{"unknown", "hashed-jwt-" + hash64, "unknown", ""}},
		{"provider of the error", map[string]string{"model": "openai/x", "metadata": `{"error_information": {"llm_provider": "azure"}}`}, names{"openai/x", "unauthenticated", "azure", ""}},
		{"provider of the column", map[string]string{"custom_llm_provider": "bedrock", "metadata": `{"error_information": {"llm_provider": "azure"}}`}, names{"unknown", "unauthenticated", "bedrock", ""}},
		{"team alias", map[string]string{"team_id": "t-1", "metadata": `{"user_api_key_team_alias": "客服"}`}, names{"unknown", "unauthenticated", "unknown", "客服"}},
		{"team id", map[string]string{"team_id": "t-1"}, names{"unknown", "unauthenticated", "unknown", "t-1"}},
		{"team id of metadata", map[string]string{"metadata": `{"user_api_key_team_id": "t-2"}`}, names{"unknown", "unauthenticated", "unknown", "t-2"}},
		{"metadata as a string", map[string]string{"metadata": `"{\"user_api_key_alias\": \"agent\"}"`}, names{"unknown", "agent", "unknown", ""}},
		{"a number for an alias", map[string]string{"metadata": `{"user_api_key_alias": 12.50}`}, names{"unknown", "12.50", "unknown", ""}},
		{"long and hostile", map[string]string{"model_group": strings.Repeat("模", 200)}, names{strings.Repeat("模", 85), "unauthenticated", "unknown", ""}},
		{"not UTF-8", map[string]string{"model_group": "a\xff\xfeb"}, names{"a\uFFFDb", "unauthenticated", "unknown", ""}},
		{"a secret", map[string]string{"model_group": "sk-f85df9789131e72ebf8ac7"}, names{"[redacted:key]", "unauthenticated", "unknown", ""}},
	} {
		f := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{})}, c.values)
		got := names{f.Model, f.Key, f.Provider, f.Team}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(names{})); diff != "" {
			t.Errorf("%s (-want +got): %s", c.name, diff)
		}
	}
}

func TestLogEntry(t *testing.T) {
	t.Parallel()
	s := func(s string) *string { return &s }
	for _, c := range []struct {
		values map[string]string
		want   event.LogEntry
	}{
		{
			map[string]string{"model": "gpt-4o\nINFO: fake", "metadata": `{"user_api_key_alias": "", "status": "x", "error_information": {"error_class": "Timeout", "error_message": ""}}`},
			event.LogEntry{RequestID: s("r1"), Time: s("2025-12-25T10:15:30.123"), Model: s("gpt-4o\nINFO: fake"), KeyName: s(""), Status: s("failure"), ErrorType: s("Timeout"), ErrorMessage: s("")},
		},
		{ // an upgraded row of before 1.68
			map[string]string{"request_id": "None", "status": none, "model": none, "metadata": `{"user_api_key_alias": null, "status": "failure", "error_information": null}`},
			event.LogEntry{RequestID: s("None"), Time: s("2025-12-25T10:15:30.123"), Status: s("failure")},
		},
		{
			map[string]string{"request_id": "", "model": "m", "metadata": `"{\"error_information\": {\"error_message\": \"Received key sk-f85df9789131e72ebf8ac7\"}}"`},
			event.LogEntry{RequestID: s(""), Time: s("2025-12-25T10:15:30.123"), Model: s("m"), Status: s("failure"), ErrorMessage: s("Received key [redacted:key]")},
		},
	} {
		f := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{})}, c.values)
		if diff := cmp.Diff(c.want, f.Log); diff != "" {
			t.Errorf("%v (-want +got): %s", c.values, diff)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	const tag = `faultwire-x"1`
	for _, c := range []struct {
		name        string
		values      map[string]string
		own, health bool
	}{
		{"nobody", map[string]string{"end_user": "alice"}, false, false},
		{"ours", map[string]string{"end_user": tag}, true, false},
		{"ours, rejected by auth", map[string]string{"request_tags": `["a", "faultwire-x\"1"]`}, true, false},
		{"looks like ours", map[string]string{"end_user": tag + "2", "request_tags": `["faultwire-x\"12"]`}, false, false},
		{"health check", map[string]string{"team_id": "litellm-internal-health-check", "api_key": hash64}, false, true},
		{"health check in metadata", map[string]string{"metadata": `{"user_api_key_team_id": "litellm-internal-health-check"}`}, false, true},
		{"a client hiding", map[string]string{"api_key": "litellm-internal-health-check", "request_tags": `["litellm-internal-health-check"]`}, false, false},
	} {
		f := failure(t, spendlog.Options{OwnUser: tag}, c.values)
		if f.Own != c.own || f.HealthCheck != c.health {
			t.Errorf("%s: own %t, health check %t", c.name, f.Own, f.HealthCheck)
		}
	}
	if failure(t, spendlog.Options{}, map[string]string{"end_user": "", "request_tags": `[""]`}).Own {
		t.Error("without a tag everything is ours")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	start, end := time.Date(2025, 12, 25, 10, 15, 30, 123e6, time.UTC), time.Date(2025, 12, 25, 10, 15, 31, 0, time.UTC)
	for _, c := range []struct {
		start, end  string
		wantStart   time.Time
		wantEnd     time.Time
		fault, text string
	}{
		{"2025-12-25 10:15:30.123", "2025-12-25 10:15:31", start, end, "", "2025-12-25T10:15:30.123"},
		{none, "2025-12-25 10:15:31", end, end, "startTime", ""},
		{"infinity", "2025-12-25 10:15:31", end, end, "startTime", "infinity"},
		{"0044-03-15 12:00:00 BC", "2025-12-25 10:15:31", end, end, "startTime", "0044-03-15T12:00:00 BC"},
		{"10000-01-01 00:00:00", "-infinity", time.Time{}, time.Time{}, "startTime", "10000-01-01T00:00:00"},
		{"2025-12-25 10:15:30.123", none, start, start, "endTime", "2025-12-25T10:15:30.123"},
	} {
		f, err := layout(t).Failure(row(map[string]string{"startTime": c.start, "endTime": c.end}), spendlog.Options{})
		if !f.Started.Equal(c.wantStart) || !f.Ended.Equal(c.wantEnd) {
			t.Errorf("%s, %s: started %s, ended %s", c.start, c.end, f.Started, f.Ended)
		}
		checkFault(t, err, c.fault)
		if text := f.Log.Time; (text == nil) != (c.text == "") || text != nil && *text != c.text {
			t.Errorf("%s: time is %v, want %q", c.start, text, c.text)
		}
		if _, err := event.Encode(f); err != nil {
			t.Errorf("%s, %s: %v", c.start, c.end, err)
		}
	}
}

func checkFault(t *testing.T, err error, column string) {
	t.Helper()
	fault, ok := errors.AsType[*spendlog.DecodeError](err)
	switch {
	case ok && fault.Column != column, !ok && (column != "" || err != nil):
		t.Errorf("error %v, want one of column %q", err, column)
	}
}

// What can't be read is said, and the rest is still right.
func TestRubbish(t *testing.T) {
	t.Parallel()
	for metadata, column := range map[string]string{
		none: "", "null": "", "{}": "", `"{}"`: "", "[]": "metadata", "12": "metadata", `"rubbish"`: "metadata", `{"status": "failure", `: "metadata", "": "metadata", gone: "metadata",
	} {
		f, err := layout(t).Failure(row(map[string]string{"metadata": metadata, "model": "m"}), spendlog.Options{})
		checkFault(t, err, column)
		if f.Model != "m" || f.Class == "" || f.Fingerprint == "" || *f.Log.RequestID != "r1" || f.Log.ErrorMessage != nil {
			t.Errorf("metadata %s: %+v", metadata, f)
		}
	}
}

func TestUndecodedRow(t *testing.T) {
	t.Parallel()
	values := row(map[string]string{"api_key": "sk-f85df9789131e72ebf8ac7"})[:5]
	f, err := layout(t).Failure(values, spendlog.Options{})
	checkFault(t, err, "")
	if !errors.Is(err, spendlog.ErrColumns) || f == nil {
		t.Fatalf("got %v, %v", f, err)
	}
	encoded, encodeErr := event.Encode(f)
	if encodeErr != nil || f.Class != event.ClassUnknown || !strings.Contains(f.Title, "could not decode") || f.Fingerprint == "" || strings.Contains(string(encoded), "sk-") {
		t.Errorf("%v: %s", encodeErr, encoded)
	}
	if kind := fingerprint.Of(fingerprint.Error{Message: f.Text}); kind.ID != f.Fingerprint || kind.Class != f.Class {
		t.Errorf("its kind is of class %s, the failure of %s", kind.Class, f.Class)
	}
	again, _ := layout(t).Failure(values, spendlog.Options{})
	other, _ := layout(t).Failure(values[:4], spendlog.Options{})
	if again.ID != f.ID || other.ID == f.ID {
		t.Error("ids are not of the content")
	}
	if _, err := layout(t).JSON(nil, values); !errors.Is(err, spendlog.ErrColumns) {
		t.Errorf("JSON: %v", err)
	}
	if got, err := layout(t).JSON([]byte("x"), row(map[string]string{"model": gone})); !errors.Is(err, spendlog.ErrUnchanged) || string(got) != "x" {
		t.Errorf("JSON of a value that is not there: %s, %v", got, err)
	}
}

// What travels of the row: prompts are cut, also in 1.67's metadata, secrets go,
// and everything else stays byte for byte.
func TestRow(t *testing.T) {
	t.Parallel()
	r := redact.New(redact.Options{})
	for _, c := range []struct {
		name    string
		o       spendlog.Options
		columns map[string]string
		want    map[string]string // JSON by column
	}{
		{
			"prompts are cut",
			spendlog.Options{},
			map[string]string{"messages": `[{"role": "user"}]`, "response": none, "proxy_server_request": `[]`, "metadata": `{"a": 1, "proxy_server_request": {"p": "x"}, "b": 2}`},
			map[string]string{"messages": `{"cut":"prompt","bytes":18}`, "response": "null", "proxy_server_request": "[]", "metadata": `{"a": 1, "proxy_server_request": {"cut":"prompt","bytes":10}, "b": 2}`},
		},
		{
			"prompts are kept",
			spendlog.Options{KeepPrompts: true},
			map[string]string{"messages": `[{"role": "user"}]`, "metadata": `{"proxy_server_request": {"p": "x"}}`},
			map[string]string{"messages": `[{"role": "user"}]`, "metadata": `{"proxy_server_request": {"p": "x"}}`},
		},
		{
			"nothing to cut",
			spendlog.Options{},
			map[string]string{"metadata": `{"proxy_server_request": null}`, "messages": "{}"},
			map[string]string{"metadata": `{"proxy_server_request": null}`, "messages": "{}"},
		},
		{
			"secrets",
			spendlog.Options{Redactor: r, KeepPrompts: true},
			map[string]string{"api_key": "Bearer-8697e1505328b092e062b087", "proxy_server_request": `{"secret_fields": {"raw_headers": {"authorization": "Bearer x"}}}`, "metadata": `{"previous_models": [{"api_key": "abc"}], "n":  1.50}`},
			map[string]string{"api_key": `"[redacted:key]"`, "proxy_server_request": `{"secret_fields": {"raw_headers": {"authorization": "[redacted:key]"}}}`, "metadata": `{"previous_models": [{"api_key": "[redacted:key]"}], "n":  1.50}`},
		},
		{
			"not UTF-8",
			spendlog.Options{},
			map[string]string{"model": "a\xffb", "metadata": "{\"a\": \"\xff\", \"proxy_server_request\": \"\xfe\", \"b\": \"\xfd\"}"},
			map[string]string{"model": "\"a\uFFFDb\"", "metadata": "{\"a\": \"\uFFFD\", \"proxy_server_request\": {\"cut\":\"prompt\",\"bytes\":3}, \"b\": \"\uFFFD\"}"},
		},
		{
			"the largest go first",
			spendlog.Options{MaxBytes: 64 << 10, KeepPrompts: true},
			map[string]string{"model": strings.Repeat("m", 100<<10), "messages": `"` + strings.Repeat("x", 40<<10) + `"`, "metadata": `{"a": "` + strings.Repeat("x", 10<<10) + `"}`},
			map[string]string{"model": `{"cut":"size","bytes":102400}`, "metadata": `{"a": "` + strings.Repeat("x", 10<<10) + `"}`},
		},
		{
			"printed larger than stored",
			spendlog.Options{MaxBytes: 64 << 10},
			map[string]string{"model": strings.Repeat("\x01", 20<<10), "metadata": `{"a": "` + strings.Repeat("x", 20<<10) + `"}`},
			map[string]string{"model": `{"cut":"size","bytes":20480}`, "metadata": `{"a": "` + strings.Repeat("x", 20<<10) + `"}`},
		},
	} {
		f := failure(t, c.o, c.columns)
		var got map[string]json.RawMessage
		if err := json.Unmarshal(f.Row, &got); err != nil || len(got) != len(columnsOf()) {
			t.Fatalf("%s: %v: %s", c.name, err, f.Row)
		}
		for column, want := range c.want {
			if string(got[column]) != want {
				t.Errorf("%s: column %s is %.200s, want %.200s", c.name, column, got[column], want)
			}
		}
	}
}

// A value that is not there is a marker, and the row is still whole.
func TestUnchangedValue(t *testing.T) {
	t.Parallel()
	f, err := layout(t).Failure(row(map[string]string{"response": gone}), spendlog.Options{})
	checkFault(t, err, "response")
	if !strings.Contains(string(f.Row), `"response":{"cut":"unchanged","bytes":0}`) || !json.Valid(f.Row) {
		t.Errorf("got %s", f.Row)
	}
}

// The text of a kind is cut somewhere: half a secret must not be left at its end.
func TestExemplarCutInASecret(t *testing.T) {
	t.Parallel()
	o := spendlog.Options{Redactor: redact.New(redact.Options{})}
	for pad := 1900; pad < 2010; pad++ {
		message := strings.Repeat("word ", pad/5) + strings.Repeat("x", pad%5) + " sk-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ tail " + strings.Repeat("y ", 500)
		b, err := json.Marshal(map[string]any{"error_information": map[string]any{"error_message": message}})
		if err != nil {
			t.Fatal(err)
		}
		f := failure(t, o, map[string]string{"metadata": string(b)})
		if len(f.Text) < 1500 || len(f.Text) > 2000 {
			t.Fatalf("the text has %d bytes", len(f.Text))
		}
		if strings.Contains(f.Text, "sk-") || strings.Contains(*f.Log.ErrorMessage, "sk-") {
			t.Fatalf("half a key is left: …%s", f.Text[len(f.Text)-60:])
		}
	}
}

// A kind is the same whether redaction is on or off.
func TestKindWithoutRedaction(t *testing.T) {
	t.Parallel()
	values := map[string]string{"metadata": `{"error_information": {"error_class": "AuthenticationError", "error_message": "Incorrect API key provided: sk-Eq2Jrvr2wYtZhASBSQ0BGftPy26FnwIp."}}`}
	on, off := failure(t, spendlog.Options{Redactor: redact.New(redact.Options{})}, values), failure(t, spendlog.Options{}, values)
	if on.Fingerprint != off.Fingerprint || on.Template != off.Template {
		t.Errorf("kinds %s %q and %s %q", on.Fingerprint, on.Template, off.Fingerprint, off.Template)
	}
	if !strings.Contains(off.Text, "sk-Eq2J") || strings.Contains(on.Text, "sk-Eq2J") {
		t.Errorf("texts %q and %q", on.Text, off.Text)
	}
}
