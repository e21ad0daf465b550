// Package body takes the bodies of log entries apart without parsing the row,
// nine tenths of them, which is passed on byte for byte.
package body

import (
	"bytes"

	"github.com/faultwire/faultwire/pkg/event"
)

// Split returns an encoded failure without its row, and the row; nil when there is
// none. event.Encode writes it last, behind the object "log": nothing before can
// look like that, for inside a text quotes are escaped.
func Split(data []byte) (head, row []byte) {
	const mark = `},"row":`
	i := bytes.Index(data, []byte(mark))
	if i < 0 || data[len(data)-1] != '}' {
		return data, nil
	}
	return append(data[:i+1:i+1], '}'), data[i+len(mark) : len(data)-1]
}

// Failure decodes a failure; its row shares memory with data. The error wraps
// event.ErrVersion when a later release wrote it.
func Failure(data []byte) (event.Failure, error) {
	head, row := Split(data)
	f, err := event.Decode[event.Failure](head)
	if row != nil {
		f.Row = row
	}
	return f, err
}
