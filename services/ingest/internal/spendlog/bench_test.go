package spendlog_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// BenchmarkFailure is what ingest spends on a failed row, without encoding it.
func BenchmarkFailure(b *testing.B) {
	for _, version := range testkit.Versions() {
		l, rows, size := fromJSON(b, version)
		o := spendlog.Options{Redactor: redact.New(redact.Options{})}
		b.Run(version, func(b *testing.B) {
			b.SetBytes(int64(size / len(rows)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := l.Failure(rows[i%len(rows)], o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fromJSON makes failed rows of what row_to_json printed, with types as they are in
// LiteLLM's table.
func fromJSON(b testing.TB, version string) (*spendlog.Layout, [][]spendlog.Value, int) {
	b.Helper()
	var columns []spendlog.Column
	var rows [][]spendlog.Value
	size := 0
	for _, r := range testkit.Rows(b, version) {
		if !r.Failed() {
			continue
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(r.JSON, &all); err != nil {
			b.Fatal(err)
		}
		if columns == nil {
			for name := range all {
				columns = append(columns, spendlog.Column{Name: name, OID: oidOf(name)})
			}
		}
		var row []spendlog.Value
		for _, c := range columns {
			value := all[c.Name]
			var s string
			switch {
			case string(value) == "null":
				row = append(row, spendlog.Value{Null: true})
			case c.OID != oidJSONB && json.Unmarshal(value, &s) == nil:
				row = append(row, spendlog.Value{Text: []byte(s)})
			default:
				row = append(row, spendlog.Value{Text: value})
			}
		}
		rows = append(rows, row)
		size += len(r.JSON)
	}
	l, err := spendlog.NewLayout(columns)
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range rows { // Postgres sends a blank where row_to_json prints a T
		for i, c := range columns {
			if c.OID == oidTimestamp {
				if at := slices.Index(row[i].Text, 'T'); at >= 0 {
					row[i].Text[at] = ' '
				}
			}
		}
	}
	return l, rows, size
}

func oidOf(column string) uint32 {
	switch column {
	case "startTime", "endTime", "completionStartTime", "created_at", "updated_at":
		return oidTimestamp
	case "metadata", "request_tags", "messages", "response", "proxy_server_request":
		return oidJSONB
	case "spend":
		return 701
	case "total_tokens", "prompt_tokens", "completion_tokens", "request_duration_ms":
		return 23
	}
	return oidText
}
