package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/sample"
)

// now moves rows to the present, so that they are live and not history.
func now(t testing.TB, rows []sample.Row) []sample.Row {
	t.Helper()
	moved, err := sample.Shift(rows, time.Since(rows[len(rows)-1].EndTime))
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// recent are the rows of LiteLLM 1.80.10, of now.
func recent(t testing.TB) []sample.Row {
	t.Helper()
	rows, err := sample.Rows()
	if err != nil {
		t.Fatal(err)
	}
	rows = now(t, rows)
	for i := range rows { // the same columns in the same order as a changed one
		rows[i] = changed(t, rows[i], nil)
	}
	return rows
}

// aFailure is the first failed one.
func aFailure(t testing.TB, rows []sample.Row) sample.Row {
	t.Helper()
	for _, row := range rows {
		if row.Failed() {
			return row
		}
	}
	t.Fatal("no row failed")
	return sample.Row{}
}

// changed returns a row with other values; a key of several parts, as
// "metadata.user_api_key_alias", goes into an object.
func changed(t testing.TB, row sample.Row, values map[string]any) sample.Row {
	t.Helper()
	var columns map[string]any
	decoder := json.NewDecoder(bytes.NewReader(row.JSON))
	decoder.UseNumber()
	if err := decoder.Decode(&columns); err != nil {
		t.Fatal(err)
	}
	for path, value := range values {
		into := columns
		parts := strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			into = into[part].(map[string]any)
		}
		into[parts[len(parts)-1]] = value
	}
	text, err := json.Marshal(columns)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sample.ParseRow(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// hostileNames are what a stranger may call a model or a key. PostgreSQL itself
// refuses NUL and invalid UTF-8.
func hostileNames() []string {
	return []string{
		"", " ", "../../../etc/passwd", "a/b\\c:d*e>f", "*", ">", "failures.>", "new\nline\r\nand\ttab", "\x1b[2J\x1b[31mred\x07", "\u202eright to left\u2066",
		strings.Repeat("very long ", 512), "😀🏴‍☠️模型-客服", `{"invalid": json, "\u00`, `'; DROP TABLE "LiteLLM_SpendLogs"; --`, "${jndi:ldap://x}", "%s%n%d",
		"<script>alert(1)</script>", "None", "null", "\x7f\u0085\u2028", "..", "CON", "e1", "-1", "=cmd()",
	}
}

// hostile are failures with hostile names of model, key, team, user and message.
func hostile(t testing.TB, rows []sample.Row) (list []sample.Row) {
	t.Helper()
	base := aFailure(t, rows)
	for i, name := range hostileNames() {
		list = append(list,
			changed(t, base, map[string]any{
				"request_id": fmt.Sprintf("hostile-%d-%.200s", i, name), "model": name, "model_group": name, "metadata.user_api_key_alias": name,
				"metadata.user_api_key_team_alias": name, "end_user": name, "session_id": name,
			}),
			changed(t, base, map[string]any{
				"request_id": fmt.Sprintf("hostile-text-%d", i), "custom_llm_provider": name, "api_key": name,
				"metadata.error_information": map[string]any{"error_class": name, "error_code": name, "error_message": name, "llm_provider": name, "traceback": name},
			}),
		)
	}
	return list
}

// bulkSQL makes n rows in one transaction, every fourth a success, ids beginning
// with $1.
const bulkSQL = `INSERT INTO "LiteLLM_SpendLogs"
SELECT (jsonb_populate_record(t, jsonb_build_object('request_id', $1::text || i, 'status', CASE WHEN i % 4 = 0 THEN 'success' ELSE 'failure' END))).*
FROM generate_series(1, $2::int) AS i, (SELECT s FROM "LiteLLM_SpendLogs" AS s WHERE request_id = $3) AS one(t)
ON CONFLICT DO NOTHING`
