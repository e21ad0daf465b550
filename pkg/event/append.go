package event

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// append appends the JSON of f, byte for byte what encoding/json writes without HTML
// escapes; only the row stays as it is. In a storm failures come by the ten thousand a
// second, and reflection takes three times as long.
func (f *Failure) append(dst []byte) ([]byte, error) {
	o := object{b: append(dst, '{')}
	o.int("v", f.V)
	o.text("id", f.ID.String())
	o.text("source", f.Source)
	o.name("position")
	o.b = f.Position.append(o.b)
	o.time("committed", f.Committed)
	o.mark("estimated", f.Estimated)
	o.mark("history", f.History)
	o.mark("gap", f.Gap)
	o.mark("rescued", f.Rescued)
	o.time("started", f.Started)
	o.time("ended", f.Ended)
	o.text("model", f.Model)
	o.text("key", f.Key)
	o.text("provider", f.Provider)
	o.optional("team", f.Team)
	o.mark("attributed", f.Attributed)
	o.text("class", string(f.Class))
	o.text("fingerprint", f.Fingerprint)
	o.text("template", f.Template)
	o.text("title", f.Title)
	o.text("check", f.Check)
	o.text("text", f.Text)
	o.optional("error_code", f.ErrorCode)
	o.mark("own", f.Own)
	o.mark("health_check", f.HealthCheck)
	o.name("log")
	o.b = f.Log.append(o.b)
	o.raw("row", f.Row)
	return append(o.b, '}'), o.err
}

func (p Position) append(dst []byte) []byte {
	o := object{b: append(dst, '{')}
	o.text("system", p.System)
	o.int("timeline", int(p.Timeline))
	o.text("commit", p.Commit.String())
	o.int("row", p.Row)
	return append(o.b, '}')
}

func (e *LogEntry) append(dst []byte) []byte {
	o := object{b: append(dst, '{')}
	o.nullable("request_id", e.RequestID)
	o.nullable("time", e.Time)
	o.nullable("model", e.Model)
	o.nullable("key_name", e.KeyName)
	o.nullable("status", e.Status)
	o.nullable("error_type", e.ErrorType)
	o.nullable("error_message", e.ErrorMessage)
	return append(o.b, '}')
}

// object is a JSON object that is being written. Names need no escapes.
type object struct {
	b   []byte
	err error // the first
}

func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), `":`...)
}

func (o *object) int(name string, n int) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, int64(n), 10)
}

func (o *object) text(name, s string) {
	o.name(name)
	o.b = appendString(o.b, s)
}

func (o *object) optional(name, s string) {
	if s != "" {
		o.text(name, s)
	}
}

func (o *object) nullable(name string, s *string) {
	if s == nil {
		o.raw(name, nil)
		return
	}
	o.text(name, *s)
}

func (o *object) mark(name string, set bool) {
	if set {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) time(name string, t time.Time) {
	o.name(name)
	o.b = append(o.b, '"')
	b, err := t.AppendText(o.b)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.b = append(b, '"')
}

func (o *object) raw(name string, value json.RawMessage) {
	o.name(name)
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	o.b = append(o.b, value...)
}

// appendString appends s as a string of JSON. The separators of U+2028 and U+2029
// are escaped as they end a line of JavaScript.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			dst = append(dst, s[from:i-1]...)
			from = i
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[from:i-size]...), `\ufffd`...)
			from = i
		case r == '\u2028', r == '\u2029':
			dst = append(append(dst, s[from:i-size]...), '\\', 'u', '2', '0', '2', hex[r&0xF])
			from = i
		}
	}
	return append(append(dst, s[from:]...), '"')
}
