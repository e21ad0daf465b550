package pgoutput_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/services/ingest/internal/pgoutput"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

// message puts the parts of a message together.
func message(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case byte:
			b = append(b, p)
		case rune:
			b = append(b, byte(p))
		case uint16:
			b = binary.BigEndian.AppendUint16(b, p)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, p)
		case string:
			b = append(append(b, p...), 0)
		}
	}
	return b
}

func text(s string) []byte {
	return append(message('t', uint32(len(s))), s...)
}

func insert() []byte {
	b := message('I', uint32(16384), 'N', uint16(4))
	b = append(b, text("chatcmpl-1")...)
	b = append(b, 'n', 'u')
	return append(b, text("")...)
}

func relation() []byte {
	return message('R', uint32(16384), "public", "LiteLLM_SpendLogs", 'd', uint16(2),
		byte(1), "request_id", uint32(25), uint32(0xffffffff), byte(0), "metadata", uint32(3802), uint32(0xffffffff))
}

func TestDecode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 10, 0, 0, 123456000, time.UTC)
	micros := uint64(at.UnixMicro() - 946684800*1_000_000)
	for name, test := range map[string]struct {
		data []byte
		want any
	}{
		"begin":    {message('B', uint64(0x16B374D848), micros, uint32(7)), pgoutput.Begin{Commit: 0x16B374D848, Time: at}},
		"commit":   {message('C', byte(0), uint64(1), uint64(2), micros), pgoutput.Commit{End: 2}},
		"relation": {relation(), pgoutput.Relation{ID: 16384, Schema: "public", Name: "LiteLLM_SpendLogs", Columns: []spendlog.Column{{Name: "request_id", OID: 25}, {Name: "metadata", OID: 3802}}}},
		"insert":   {insert(), pgoutput.Insert{Relation: 16384, Values: []spendlog.Value{{Text: []byte("chatcmpl-1")}, {Null: true}, {Unchanged: true}, {Text: []byte{}}}}},
		"type":     {message('Y', uint32(1), "public", "mood"), nil},
		"truncate": {message('T', uint32(1)), nil},
	} {
		var d pgoutput.Decoder
		got, err := d.Decode(test.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCutShort: no prefix of a message is taken for a whole one.
func TestCutShort(t *testing.T) {
	t.Parallel()
	for _, whole := range [][]byte{message('B', uint64(1), uint64(2), uint32(3)), message('C', byte(0), uint64(1), uint64(2), uint64(3)), relation(), insert()} {
		for n := range whole {
			var d pgoutput.Decoder
			if got, err := d.Decode(whole[:n]); !errors.Is(err, pgoutput.ErrMalformed) {
				t.Errorf("%s: %v, %v", hex.EncodeToString(whole[:n]), got, err)
			}
		}
	}
	for _, wrong := range []string{"S", "I\x00\x00\x00\x01K", "I\x00\x00\x00\x01N\x00\x01b\x00\x00\x00\x00"} {
		var d pgoutput.Decoder
		if got, err := d.Decode([]byte(wrong)); !errors.Is(err, pgoutput.ErrMalformed) {
			t.Errorf("%q: %v, %v", wrong, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range [][]byte{relation(), insert(), message('B', uint64(1), uint64(2), uint32(3)), []byte("S"), nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d pgoutput.Decoder
		got, err := d.Decode(data)
		if err != nil && !errors.Is(err, pgoutput.ErrMalformed) {
			t.Errorf("error %v", err)
		}
		in, ok := got.(pgoutput.Insert)
		if !ok {
			return
		}
		for _, v := range in.Values {
			if !strings.Contains(string(data), string(v.Text)) {
				t.Errorf("value %q is not of the message", v.Text)
			}
		}
	})
}
