// Package pgoutput reads the messages of PostgreSQL's logical replication
// protocol, version 1, as far as a publication of inserts sends them ("Logical
// Replication Message Formats" in the manual). It copies nothing: values point
// into the message.
package pgoutput

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// ErrMalformed is returned for a message that is not of the protocol.
var ErrMalformed = errors.New("malformed replication message")

// Begin starts a transaction; transactions come whole and in commit order.
type Begin struct {
	Commit event.LSN // of the commit record
	Time   time.Time // of the commit, the server's clock, UTC, µs
}

// Commit ends a transaction.
type Commit struct {
	End event.LSN // behind the commit record
}

// Relation describes a table before its first row in a session, and again when
// it has changed.
type Relation struct {
	ID      uint32
	Schema  string
	Name    string
	Columns []spendlog.Column
}

// Insert is a row. Its values are valid until the next call of Decode.
type Insert struct {
	Relation uint32
	Values   []spendlog.Value
}

// Decoder decodes; the zero value is ready.
type Decoder struct {
	values []spendlog.Value // of the last Insert
}

// Decode returns a Begin, Commit, Relation or Insert; nil for a message that
// means nothing to us (origin, type, truncate, …).
func (d *Decoder) Decode(message []byte) (any, error) {
	r := reader{rest: message}
	var decoded any
	switch kind := r.byte(); kind {
	case 'B':
		decoded = Begin{Commit: event.LSN(r.uint64()), Time: r.time()}
		_ = r.uint32() // xid
	case 'C':
		_ = r.byte()   // flags, none defined
		_ = r.uint64() // of the commit record; Begin has it
		decoded = Commit{End: event.LSN(r.uint64())}
		_ = r.uint64() // time
	case 'R':
		decoded = d.relation(&r)
	case 'I':
		decoded = d.insert(&r)
	case 'O', 'Y', 'T', 'U', 'D', 'M':
		return nil, nil
	default: // also those of a prepared or a streamed transaction, which we never ask for
		return nil, fmt.Errorf("%w: kind %q", ErrMalformed, kind)
	}
	if r.short {
		return nil, fmt.Errorf("%w: kind %q of %d bytes ends too early", ErrMalformed, message[:min(1, len(message))], len(message))
	}
	return decoded, nil
}

func (d *Decoder) relation(r *reader) Relation {
	rel := Relation{ID: r.uint32(), Schema: r.string(), Name: r.string()}
	_ = r.byte() // replica identity
	for range r.uint16() {
		_ = r.byte() // flags: part of the key
		c := spendlog.Column{Name: r.string(), OID: r.uint32()}
		_ = r.uint32() // type modifier
		if r.short {
			break
		}
		rel.Columns = append(rel.Columns, c)
	}
	return rel
}

func (d *Decoder) insert(r *reader) Insert {
	in := Insert{Relation: r.uint32()}
	if r.byte() != 'N' {
		r.short = true
		return in
	}
	d.values = d.values[:0]
	for range r.uint16() {
		var v spendlog.Value
		switch r.byte() {
		case 'n':
			v.Null = true
		case 'u':
			v.Unchanged = true
		case 't':
			v.Text = r.bytes(int(r.uint32()))
		default: // binary is never asked for
			r.short = true
		}
		if r.short {
			break
		}
		d.values = append(d.values, v)
	}
	in.Values = d.values
	return in
}

// reader takes values off a message. Past its end it gives zeros and says short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.rest, r.short = nil, true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) string() string {
	end := bytes.IndexByte(r.rest, 0)
	if end < 0 {
		r.rest, r.short = nil, true
		return ""
	}
	return string(r.bytes(end + 1)[:end])
}

// epoch is where PostgreSQL counts its microseconds from, 2000-01-01, in Unix
// microseconds.
const epoch = 946_684_800 * 1_000_000

func (r *reader) time() time.Time { return time.UnixMicro(int64(r.uint64()) + epoch).UTC() }
