package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
)

// Encode returns the JSON of a wire type: no HTML escapes, no trailing newline.
// A [Failure]'s row is written byte for byte, as encoding/json would not: it
// strips blanks and escapes <, > and & inside a RawMessage.
func Encode(v any) ([]byte, error) {
	f, ok := v.(*Failure)
	if !ok {
		return encode(v)
	}
	buf, ok := scratch.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer scratch.Put(buf)
	b, err := f.append((*buf)[:0])
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if cap(b) <= maxScratch {
		*buf = b
	}
	return bytes.Clone(b), nil
}

// scratch has buffers (*[]byte) of up to maxScratch bytes: how long a failure gets is
// known only behind it.
var scratch sync.Pool

const maxScratch = 64 << 10

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
