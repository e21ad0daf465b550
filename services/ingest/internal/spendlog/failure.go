package spendlog

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/fingerprint"
	"github.com/faultwire/faultwire/pkg/redact"
)

// Options say what of a row may travel. The zero value cuts prompts and redacts
// nothing.
type Options struct {
	// Redactor takes secrets out of everything that travels; nil = none.
	Redactor *redact.Redactor
	// KeepPrompts keeps messages, response and proxy_server_request, which else
	// become {"cut":"prompt","bytes":12873}.
	KeepPrompts bool
	// Rescued makes [Layout.Wanted] hold for rescued requests: ingest.include_rescued.
	Rescued bool
	// Alias looks up the alias of a key by its hash, for rows that lack it. It must
	// answer at once. nil = none is known.
	Alias func(hash string) (alias string, ok bool)
	// OwnUser is the tag of Faultwire's own calls to an LLM: the end user, one of the
	// request's tags, or in spend_logs_metadata. "" = none.
	OwnUser string
	// MaxBytes is the most that the JSON of a failure may have; the largest values
	// past it become {"cut":"size","bytes":12000000}. 0 = 900 KiB, which fits NATS'
	// default max_payload of 1 MiB. Below 64 KiB it is not kept to the byte.
	MaxBytes int
	// Full tells whether the row of a failure of this kind travels in full; else it
	// keeps its short values, and longer ones become {"cut":"budget","bytes":6300}.
	// nil = each does.
	Full func(fingerprint string) bool
}

const (
	shortLog  = 512 // bytes of a text of a failure that doesn't travel in full
	shortText = 64  // bytes of a value of its row

	defaultMaxBytes = 900 << 10
	maxExemplar     = 2000 // of event.Failure.Text, in bytes
	besidesTexts    = 2048 // names and fixed fields of event.Failure's JSON
)

// Failure makes a failure of a row: everything but its position, its commit, and
// the marks History and Gap.
//
// A failure is returned in any case, so that no row is lost. A [*DecodeError]
// beside it says what could not be read: with a column, the rest is right; without,
// nothing could, and the failure says so in class unknown and its title.
func (l *Layout) Failure(row []Value, o Options) (*event.Failure, error) {
	if len(row) != len(l.columns) {
		return undecoded(row), &DecodeError{Err: ErrColumns}
	}
	var faults []error
	meta, fault := l.metadataOf(row)
	if fault != nil {
		faults = append(faults, &DecodeError{Column: "metadata", Err: fault})
	}
	f := &event.Failure{V: event.Version, Source: event.SourceSpendLogs, ErrorCode: o.name(meta.errorCode.text)}
	started, ended, timeFault := l.times(row)
	if timeFault != nil {
		faults = append(faults, timeFault)
	}
	f.Started, f.Ended = started, ended
	requestID, _ := text(row, l.requestID)
	startTime, _ := text(row, l.startTime)
	f.ID = event.NewID(f.Source, string(requestID), string(startTime))

	key, attributed := l.keyOf(row, meta, o.Alias)
	f.Model, f.Key, f.Attributed = o.name(l.modelOf(row)), o.name(key), attributed
	f.Provider, f.Team = o.name(l.providerOf(row, meta)), o.name(l.teamOf(row, meta))
	f.Own, f.HealthCheck = l.isOwn(row, meta, o.OwnUser), l.isHealthCheck(row, meta)

	said := l.errorOf(row, meta)
	kind := l.kinds.Of(said, meta.trace)
	if f.Rescued = l.Rescued(row); f.Rescued && !meta.classified {
		kind = rescue(meta)
		f.Model, f.Provider = o.name(l.calledOf(row, meta)), event.Unknown
	}
	f.Class, f.Fingerprint, f.Check = kind.Class, kind.ID, kind.Check
	if f.Text = o.exemplar(kind.Text); f.Text != kind.Text {
		kind = l.shown(kind, said, meta, o)
	}
	f.Template, f.Title = o.redacted(kind.Template), o.redacted(kind.Title)

	most := o.maxBytes()
	longest := most / 16
	full := o.Full == nil || o.Full(kind.ID)
	if !full {
		longest, f.Text = shortLog, clip(f.Text, shortLog)
	}
	f.Log = l.logEntry(row, meta, o, longest)
	body, err := l.body(row, meta, o, full, max(most/4, most-sizeBesidesRow(f, longest)))
	if err != nil {
		faults = append(faults, err)
	}
	f.Row = body
	return f, errors.Join(faults...)
}

// errorOf is what the fingerprint is made of. It is not redacted: a kind must be
// the same whether redaction is on or off.
func (l *Layout) errorOf(row []Value, meta metadata) fingerprint.Error {
	provider := meta.llmProvider.text
	if provider == "" {
		column, _ := text(row, l.provider)
		provider = string(column)
	}
	return fingerprint.Error{
		Class: meta.errorClass.text, Code: meta.errorCode.text, Provider: provider,
		Message: meta.errorMessage.text,
	}
}

// shown is a kind in whose text there is a secret, with template and title as they are
// without. A template has slots for numbers: what is left of a token between them may
// not look like one any more.
func (l *Layout) shown(kind fingerprint.Kind, said fingerprint.Error, meta metadata, o Options) fingerprint.Kind {
	said.Message = o.redacted(said.Message)
	trace := func() string { return o.redacted(meta.trace()) }
	if clean := l.kinds.Of(said, trace); clean.Template != kind.Template {
		kind.Template, kind.Title = clean.Template, clean.Title
	}
	return kind
}

// rescue is the kind of a request that failed at first, of which LiteLLM keeps no
// error: only that it tried again.
func rescue(meta metadata) fingerprint.Kind {
	by := "retry"
	if meta.fellBack {
		by = "fallback"
	}
	kind := fingerprint.Of(fingerprint.Error{Message: "rescued by a " + by + "; LiteLLM kept no error"})
	kind.Title = "Rescued by a " + by
	kind.Check = "LiteLLM keeps no error of a try that it repeats: look at the failures of this model around the time"
	return kind
}

// logEntry makes the entry of error_logs_analysis. A text whose JSON is larger than
// most is cut.
func (l *Layout) logEntry(row []Value, meta metadata, o Options, most int) event.LogEntry {
	stored := func(v value) *string {
		if !v.ok {
			return nil
		}
		short := o.shortened(v, most)
		return &short
	}
	column := func(i int) *string {
		b, ok := text(row, i)
		if !ok {
			return nil
		}
		return stored(valueOf(b))
	}
	e := event.LogEntry{
		RequestID: column(l.requestID), Model: column(l.model), Status: column(l.status),
		KeyName: stored(meta.keyAlias), ErrorType: stored(meta.errorClass), ErrorMessage: stored(meta.errorMessage),
	}
	if b, ok := text(row, l.startTime); ok {
		printed := string(l.forms[l.startTime].append(nil, b))
		printed = strings.Trim(printed, `"`)
		e.Time = stored(value{printed, len(printed), true})
	}
	if e.Status == nil {
		e.Status = stored(meta.status)
	}
	return e
}

// undecoded is the failure of a row that can't be read at all. Nothing of its
// values travels: which of them are secret is not known.
func undecoded(row []Value) *event.Failure {
	hash := sha256.New()
	size := 0
	for _, v := range row {
		hash.Write(v.Text)
		hash.Write([]byte{0})
		size += len(v.Text)
	}
	kind := fingerprint.Of(fingerprint.Error{Message: "a row of SpendLogs could not be decoded by faultwire"})
	return &event.Failure{
		V: event.Version, Source: event.SourceSpendLogs,
		ID:    event.NewID(event.SourceSpendLogs, string(hash.Sum(nil)), ""),
		Model: event.Unknown, Key: event.Unauthenticated, Provider: event.Unknown,
		Class: event.ClassUnknown, Fingerprint: kind.ID, Template: kind.Template, Text: kind.Text,
		Title: "A row that Faultwire could not decode",
		Check: `ingest's log says why; does "LiteLLM_SpendLogs" have columns that this release does not know?`,
		Row:   marker(nil, cutUndecoded, size),
	}
}

// redacted returns s without secrets.
func (o Options) redacted(s string) string {
	if o.Redactor == nil {
		return s
	}
	return o.Redactor.String(s)
}

// name returns a label's text: without secrets, at most 256 bytes.
func (o Options) name(s string) string { return clip(o.redacted(s), maxName) }

// exemplar returns the text of a kind without secrets. It was cut at 2,000 bytes.
func (o Options) exemplar(s string) string {
	if len(s) > maxExemplar-4 {
		s = o.whole(s)
	}
	return clip(o.redacted(s), maxExemplar)
}

// shortened returns a text without secrets. If its JSON is larger than most bytes it
// is cut, and says so.
func (o Options) shortened(v value, most int) string {
	if v.size == len(v.text) {
		s := o.redacted(v.text)
		return shorten(s, len(s), most)
	}
	return shorten(o.redacted(o.whole(v.text)), v.size, most)
}

// whole leaves the last word out of a text that was cut, which may be half a secret.
func (o Options) whole(s string) string {
	const word = 400
	if i := strings.LastIndexAny(s, " \t\r\n\"',"); o.Redactor != nil && i > len(s)-word {
		return s[:i]
	}
	return s
}

func (o Options) maxBytes() int {
	if o.MaxBytes <= 0 {
		return defaultMaxBytes
	}
	return o.MaxBytes
}

// body makes the row of an event: every column, redacted, at most budget bytes.
func (l *Layout) body(row []Value, meta metadata, o Options, full bool, budget int) (json.RawMessage, error) {
	p := l.plan(row, meta, o, full, budget)
	defer p.release()
	for {
		p.print(row, meta)
		body := make([]byte, 0, len(p.printed))
		if o.Redactor != nil {
			body = o.Redactor.JSON(body, p.printed)
		} else {
			body = append(body, p.printed...)
		}
		if len(body) <= budget || !p.cutLargest() {
			return body, p.fault
		}
	}
}
