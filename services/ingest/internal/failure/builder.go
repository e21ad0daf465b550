// Package failure makes log entries of failed rows.
package failure

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/spendlog"
)

const (
	// historyAge is how long after its beginning a request must be committed to
	// count as live: LiteLLM's timeouts take up to 100 minutes, its scripts that
	// move tables insert rows of 30 days.
	historyAge = 24 * time.Hour

	// headers and the fields of a failure besides its row, with room to spare.
	besidesRow = 32 << 10

	cutMarker = "size"
)

// Commit is the transaction a row was committed in.
type Commit struct {
	Time      time.Time // UTC, µs
	Estimated bool      // Time is not of the transaction itself
}

// Builder makes entries whose message is never larger than the broker takes.
type Builder struct {
	options    spendlog.Options
	maxPayload int
	log        *slog.Logger

	live, history budget
}

// NewBuilder returns a builder; maxPayload is the largest message that the broker
// takes, in bytes. options.MaxBytes is set by it.
func NewBuilder(options spendlog.Options, maxPayload int64, log *slog.Logger) *Builder {
	b := &Builder{options: options, maxPayload: int(maxPayload), log: log}
	b.options.MaxBytes = max(b.maxPayload-2*besidesRow, b.maxPayload/4)
	return b
}

// Wanted reports whether a row is to be in the log: the publication may send others
// too.
func (b *Builder) Wanted(layout *spendlog.Layout, row []spendlog.Value) bool {
	return layout.Wanted(row, b.options)
}

// Live makes an entry of the log.
func (b *Builder) Live(layout *spendlog.Layout, row []spendlog.Value, position event.Position, commit Commit) (feed.Entry, error) {
	return b.build(layout, row, b.live.at(commit.Time), func(f *event.Failure) string {
		f.Position, f.Committed, f.Estimated = position, commit.Time, commit.Estimated
		f.History = old(f, commit.Time)
		return topology.FailureSubject(f.Class)
	})
}

// Mark says why a row was read by SQL.
type Mark int

// Marks.
const (
	Polled  Mark = iota // in time: it counts like one from the WAL
	Missed              // because it is missing in the log: it counts, flagged as of a gap
	History             // from before our first start: it doesn't count
)

// String is the mark's word in metrics.
func (m Mark) String() string { return [...]string{"polled", "gap", "history"}[m] }

// longFlush is how long LiteLLM may take, at the most, to write a request that has
// ended.
const longFlush = time.Hour

// Read makes an entry of the log of a row that was read by SQL when the database's
// clock showed at. since is when rows began to be missing: one that had ended long
// before is no missed one.
func (b *Builder) Read(layout *spendlog.Layout, row []spendlog.Value, at time.Time, mark Mark, since time.Time) (feed.Entry, error) {
	full := b.live.at(at)
	if mark == History { // all of it is read at once, and shall not spend what failures of today need
		full = b.history.at(time.Time{})
	}
	e, err := b.build(layout, row, full, func(f *event.Failure) string {
		f.Committed, f.Estimated = at, true
		before := mark == Missed && f.Ended.Before(since.Add(-longFlush))
		f.History = mark == History || before || mark == Polled && old(f, at)
		f.Gap = mark == Missed && !before
		return topology.FailureSubject(f.Class)
	})
	e.Read = true
	return e, err
}

func old(f *event.Failure, commit time.Time) bool {
	return !f.Started.IsZero() && commit.Sub(f.Started) > historyAge
}

// Replayed makes an entry of a replay: row number n of it, with the end of the
// request for a commit time, which the table doesn't hold.
func (b *Builder) Replayed(layout *spendlog.Layout, row []spendlog.Value, subject string, n int) (feed.Entry, error) {
	return b.build(layout, row, nil, func(f *event.Failure) string {
		f.Position, f.Committed, f.Estimated = event.Position{Row: n}, f.Ended, true
		return subject
	})
}

// build makes an entry of row; full tells of which kinds rows travel in full (nil =
// of all), place puts it somewhere and returns the subject.
func (b *Builder) build(layout *spendlog.Layout, row []spendlog.Value, full func(string) bool, place func(*event.Failure) string) (feed.Entry, error) {
	options, asked, cut := b.options, false, false
	if full != nil {
		options.Full = func(kind string) bool {
			if !asked { // once, though the row may be tried several times
				asked, cut = true, !full(kind)
			}
			return !cut
		}
	}
	for {
		f, err := layout.Failure(row, options)
		if f == nil {
			return feed.Entry{}, fmt.Errorf("decode a row: %w", err)
		}
		if err != nil { // it is logged in what could be read of it
			b.log.Warn("a row could not be read whole", "error", err, "request_id", f.Log.RequestID)
		}
		e := feed.Entry{Subject: place(f), Started: f.Started, Ended: f.Ended, Estimated: f.Estimated, Cut: cut}
		e.Header = event.Header{Position: f.Position, Time: f.Committed, ID: f.ID, Live: !f.History}
		if e.Data, err = event.Encode(f); err != nil {
			return feed.Entry{}, fmt.Errorf("encode failure %s: %w", f.ID, err)
		}
		if len(e.Data)+besidesRow/2 <= b.maxPayload {
			return e, nil
		}
		if options.MaxBytes > besidesRow { // what isn't the row is large too: leave it more room
			options.MaxBytes /= 2
			continue
		}
		return b.cut(e, f)
	}
}

// cut is the last resort for a row whose short fields are too large: no message
// may be larger than the broker takes, or the log would stop at it.
func (b *Builder) cut(e feed.Entry, f *event.Failure) (feed.Entry, error) {
	f.Row = json.RawMessage(fmt.Sprintf(`{"cut":%q,"bytes":%d}`, cutMarker, len(f.Row)))
	for _, text := range []*string{f.Log.RequestID, f.Log.Model, f.Log.KeyName, f.Log.Status, f.Log.ErrorType, f.Log.ErrorMessage, &f.Model, &f.Key, &f.Provider, &f.Team, &f.ErrorCode, &f.Template} {
		if text != nil {
			*text = shorten(*text)
		}
	}
	var err error
	if e.Data, err = event.Encode(f); err != nil {
		return feed.Entry{}, fmt.Errorf("encode failure %s: %w", f.ID, err)
	}
	if len(e.Data)+besidesRow/2 > b.maxPayload {
		return feed.Entry{}, fmt.Errorf("failure %s takes %d bytes and NATS' max_payload is %d: %w", f.ID, len(e.Data), b.maxPayload, ErrPayload)
	}
	return e, nil
}

// ErrPayload: the broker takes only messages smaller than a bare failure needs.
var ErrPayload = errors.New("set max_payload of the NATS server to 8MB")

const shortText = 1 << 10

// shorten cuts text to about 1 KB, at the start of a character.
func shorten(text string) string {
	if len(text) <= shortText {
		return text
	}
	end := shortText
	for end > 0 && text[end]&0xC0 == 0x80 {
		end--
	}
	return text[:end] + "…"
}
