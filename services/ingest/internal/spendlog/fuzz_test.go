package spendlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// Whatever the values are, a failure comes out, it is valid, small enough, the same
// every time, and holds on to nothing of the row.
func TestProperties(t *testing.T) {
	t.Parallel()
	l := layout(t)
	r := redact.New(redact.Options{})
	anyText := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 60), func(b []byte) string { return string(bytes.ReplaceAll(b, []byte{0}, []byte{1})) }),
		rapid.String(),
		rapid.SampledFrom([]string{none, gone, "", "None", "infinity", "2025-12-25 10:15:30.5", "failure", "success", "{}", "null", strings.Repeat("\x01", 30<<10), strings.Repeat("模", 50<<10)}),
	)
	anyJSON := rapid.Custom(func(t *rapid.T) string {
		fields := map[string]any{}
		for _, name := range []string{"status", "user_api_key_alias", "user_api_key", "user_api_key_team_alias", "proxy_server_request", "other"} {
			if rapid.Bool().Draw(t, name) {
				fields[name] = anyText.Draw(t, name)
			}
		}
		info := map[string]any{}
		for _, name := range []string{"error_class", "error_code", "error_message", "traceback", "llm_provider"} {
			if rapid.Bool().Draw(t, name) {
				info[name] = anyText.Draw(t, name)
			}
		}
		fields["error_information"] = info
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	})
	rapid.Check(t, func(t *rapid.T) {
		values := map[string]string{"metadata": anyJSON.Draw(t, "metadata")}
		for _, c := range columnsOf() {
			if c.OID == oidText || c.OID == oidTimestamp {
				values[c.Name] = anyText.Draw(t, c.Name)
			}
		}
		o := spendlog.Options{KeepPrompts: rapid.Bool().Draw(t, "keep prompts"), MaxBytes: rapid.SampledFrom([]int{0, 64 << 10, 100 << 10}).Draw(t, "max bytes")}
		if rapid.Bool().Draw(t, "redact") {
			o.Redactor = r
		}
		checkFailure(t, l, row(values), o)
	})
}

// FuzzFailure: values of any sort under columns of any type.
func FuzzFailure(f *testing.F) {
	f.Add("r1", "2025-12-25 10:15:30.123", "failure", "m", `{"status": "failure"}`, "x", uint32(oidText))
	f.Add("", "infinity", "", "\xff", `"{\"status\": \"failure\"}"`, "NaN", uint32(1700))
	f.Add("", "0044-03-15 12:00:00 BC", "", "\xff", `{"error_information": {"error_message": "x`, "10000-01-01 00:00:00+05", uint32(1184))
	f.Add("", "", "", "", `[`, "t", uint32(16))
	r := redact.New(redact.Options{})
	f.Fuzz(func(t *testing.T, id, start, status, model, metadata, other string, oid uint32) {
		columns := append(columnsOf(), spendlog.Column{Name: other, OID: oid})
		l, err := spendlog.NewLayout(columns)
		if err != nil || (oid == oidJSONB || oid == oidJSON) && !json.Valid([]byte(other)) {
			return // the odd column has the name of another one, or what Postgres does not store
		}
		values := append(row(map[string]string{"request_id": id, "startTime": start, "status": status, "model": model, "metadata": metadata}), spendlog.Value{Text: []byte(other)})
		l.Failed(values)
		checkFailure(t, l, values, spendlog.Options{Redactor: r})
		checkFailure(t, l, values[:len(values)-1], spendlog.Options{Redactor: r})
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkFailure(t failer, l *spendlog.Layout, values []spendlog.Value, o spendlog.Options) {
	t.Helper()
	f, err := l.Failure(values, o)
	if f == nil {
		t.Fatalf("no failure: %v", err)
	}
	if _, ok := errors.AsType[*spendlog.DecodeError](err); err != nil && !ok {
		t.Fatalf("error %v is not a DecodeError", err)
	}
	encoded, encodeErr := event.Encode(f)
	if encodeErr != nil {
		t.Fatalf("encode: %v", encodeErr)
	}
	most := o.MaxBytes
	if most == 0 {
		most = 900 << 10
	}
	if len(encoded) > most {
		t.Fatalf("the event has %d bytes, at most %d are allowed", len(encoded), most)
	}
	if !f.Class.Valid() || f.Model == "" || f.Key == "" || f.Provider == "" || f.Fingerprint == "" || f.Title == "" || f.Check == "" {
		t.Fatalf("something is missing: %s", encoded)
	}
	// jsonb is printed as it came: it is valid if Postgres sent it.
	if jsonIsValid(values) && !json.Valid(f.Row) {
		t.Fatalf("the row is not JSON: %s", f.Row)
	}
	for i := range values {
		values[i].Text = slices.Clone(values[i].Text)
	}
	again, _ := l.Failure(values, o)
	for _, v := range values { // the next message overwrites the buffer
		for i := range v.Text {
			v.Text[i] = '#'
		}
	}
	if twice, err := event.Encode(again); err != nil || !bytes.Equal(encoded, twice) {
		t.Fatalf("not the same twice, or it holds on to the row: %v\n%s\n%s", err, encoded, twice)
	}
}

func jsonIsValid(values []spendlog.Value) bool {
	for i, c := range columnsOf() {
		if i < len(values) && c.OID == oidJSONB && !values[i].Null && !values[i].Unchanged && !json.Valid(values[i].Text) {
			return false
		}
	}
	return true
}
