package event

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode returns the JSON of a wire type: no HTML escapes, no trailing newline.
// A [Failure]'s row is written byte for byte, as encoding/json would not: it
// strips blanks and escapes <, > and & inside a RawMessage.
func Encode(v any) ([]byte, error) {
	f, ok := v.(*Failure)
	if !ok {
		return encode(v, 0)
	}
	row := f.Row
	if len(row) == 0 {
		row = json.RawMessage("null")
	}
	type bare Failure // no row: it is the last field and is put behind the others
	head := struct {
		*bare
		Row *struct{} `json:"row,omitempty"`
	}{bare: (*bare)(f)}
	b, err := encode(head, len(row)+besidesRow+len(f.Text))
	if err != nil {
		return nil, err
	}
	b = append(b[:len(b)-1], `,"row":`...)
	b = append(b, row...)
	return append(b, '}'), nil
}

// besidesRow is what a failure takes without its row and text, mostly.
const besidesRow = 2 << 10

// encode returns the JSON of v in a slice with some room behind it.
func encode(v any, room int) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(room)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
