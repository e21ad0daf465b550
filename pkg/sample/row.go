package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// The columns that Shift moves.
const (
	columnStart      = "startTime"
	columnEnd        = "endTime"
	columnCompletion = "completionStartTime"
)

// timeLayout is how row_to_json prints a timestamp(3): naive UTC, trailing
// zeros cut.
const timeLayout = "2006-01-02T15:04:05.999"

// Row is one row of LiteLLM_SpendLogs. JSON is the row; the other fields are
// read from it.
type Row struct {
	// JSON is the row as PostgreSQL's row_to_json prints it.
	JSON json.RawMessage

	RequestID string
	// Status is "success" or "failure", and "" where the column is NULL or
	// missing (LiteLLM before 1.68).
	Status    string
	StartTime time.Time // UTC, milliseconds
	EndTime   time.Time
	// CompletionStartTime is zero where the column is NULL.
	CompletionStartTime time.Time

	failed bool
}

// Failed says whether the request failed, by the rule that Faultwire goes by:
// status <> 'success', or NULL there and metadata.status = 'failure'.
func (r Row) Failed() bool { return r.failed }

// ParseRow reads what row_to_json printed. The bytes are kept, not copied.
func ParseRow(row []byte) (Row, error) {
	columns, err := columnsOf(row)
	if err != nil {
		return Row{}, err
	}
	value := map[string]json.RawMessage{} // NULL as nil
	for _, c := range columns {
		if v := row[c.from:c.to]; !bytes.Equal(v, []byte("null")) {
			value[c.name] = v
		}
	}
	r := Row{JSON: row}
	if r.RequestID, err = textOf(value, "request_id"); err != nil {
		return Row{}, err
	}
	if r.StartTime, err = timeOf(value, columnStart); err != nil {
		return Row{}, err
	}
	if r.EndTime, err = timeOf(value, columnEnd); err != nil {
		return Row{}, err
	}
	if value[columnCompletion] != nil {
		if r.CompletionStartTime, err = timeOf(value, columnCompletion); err != nil {
			return Row{}, err
		}
	}
	if value["status"] == nil {
		r.failed = metadataStatus(value["metadata"]) == "failure"
		return r, nil
	}
	r.Status, err = textOf(value, "status")
	r.failed = r.Status != "success"
	return r, err
}

func textOf(value map[string]json.RawMessage, name string) (string, error) {
	if value[name] == nil {
		return "", fmt.Errorf("%w: %s is missing", ErrNotARow, name)
	}
	var text string
	if err := json.Unmarshal(value[name], &text); err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNotARow, name, err)
	}
	return text, nil
}

func timeOf(value map[string]json.RawMessage, name string) (time.Time, error) {
	text, err := textOf(value, name)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(timeLayout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s: %w", ErrNotARow, name, err)
	}
	return t, nil
}

// metadataStatus reads metadata.status, also from metadata that is a string
// holding JSON.
func metadataStatus(metadata json.RawMessage) string {
	var inner string
	if json.Unmarshal(metadata, &inner) == nil {
		metadata = json.RawMessage(inner)
	}
	var m struct {
		Status string `json:"status"`
	}
	if json.Unmarshal(metadata, &m) != nil {
		return ""
	}
	return m.Status
}

// Shift moves startTime, endTime and completionStartTime of all rows by one
// constant, cut to milliseconds, and leaves every other byte as it is. The rows
// given are not changed.
func Shift(rows []Row, by time.Duration) ([]Row, error) {
	by = by.Truncate(time.Millisecond)
	moved := make([]Row, len(rows))
	for i, row := range rows {
		text, err := shiftJSON(row.JSON, by)
		if err != nil {
			return nil, fmt.Errorf("shift row %q: %w", row.RequestID, err)
		}
		if moved[i], err = ParseRow(text); err != nil {
			return nil, fmt.Errorf("shift row %q: %w", row.RequestID, err)
		}
	}
	return moved, nil
}

// shiftJSON rewrites the three times of one object in place.
func shiftJSON(row []byte, by time.Duration) ([]byte, error) {
	columns, err := columnsOf(row)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(row)+8)
	from := 0
	for _, c := range columns {
		if c.name != columnStart && c.name != columnEnd && c.name != columnCompletion {
			continue
		}
		value := row[c.from:c.to]
		if bytes.Equal(value, []byte("null")) {
			continue
		}
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		t, err := time.Parse(timeLayout, text)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		out = append(out, row[from:c.from]...)
		out = append(out, '"')
		out = t.Add(by).AppendFormat(out, timeLayout)
		out = append(out, '"')
		from = c.to
	}
	return append(out, row[from:]...), nil
}

// column is one member of a row's object: its value is row[from:to].
type column struct {
	name     string
	from, to int
}

// columnsOf finds the members of a JSON object, in their order.
func columnsOf(row []byte) ([]column, error) {
	dec := json.NewDecoder(bytes.NewReader(row))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: not a JSON object", ErrNotARow)
	}
	var all []column
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotARow, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotARow, err)
		}
		end := int(dec.InputOffset())
		all = append(all, column{name: name.(string), from: end - len(value), to: end})
	}
	return all, nil
}
