package testkit

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Logger writes to the test's log, at every level. What comes after the end of
// the test is dropped.
func Logger(t testing.TB) *slog.Logger {
	w := &testWriter{to: t.Output()}
	t.Cleanup(w.close)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// testWriter ends before its test does: writing to a finished test panics.
type testWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func (w *testWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = io.Discard
}

// LogEntry is one log record with all its attributes; those in a group are
// named "group.key".
type LogEntry struct {
	Level   slog.Level
	Message string
	Attrs   map[string]any
}

// Logs captures what is logged and lets a test wait for it.
type Logs struct {
	mu      sync.Mutex
	entries []LogEntry
	more    chan struct{} // closed and replaced with every entry
}

// NewLogs returns an empty capture.
func NewLogs() *Logs { return &Logs{more: make(chan struct{})} }

// Logger returns a logger whose records are captured, and written to the test's
// log too.
func (l *Logs) Logger(t testing.TB) *slog.Logger {
	return slog.New(&logHandler{logs: l, next: Logger(t).Handler()})
}

// Entries returns what was captured so far, in order.
func (l *Logs) Entries() []LogEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// WaitLog waits for a record whose message contains text and returns the first
// one, which may have come before the call. It ends the test after timeout.
func WaitLog(t testing.TB, l *Logs, timeout time.Duration, text string) LogEntry {
	t.Helper()
	return l.Wait(t, timeout, "a log message with "+text, func(e LogEntry) bool {
		return strings.Contains(e.Message, text)
	})
}

// Wait waits for a record that satisfies cond and returns the first one, which
// may have come before the call. It ends the test after timeout.
func (l *Logs) Wait(t testing.TB, timeout time.Duration, what string, cond func(LogEntry) bool) LogEntry {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for seen := 0; ; {
		l.mu.Lock()
		fresh, more := l.entries[seen:], l.more
		l.mu.Unlock()
		if i := slices.IndexFunc(fresh, cond); i >= 0 {
			return fresh[i]
		}
		seen += len(fresh)
		select {
		case <-more:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", timeout, what)
		}
	}
}

func (l *Logs) add(e LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
	close(l.more)
	l.more = make(chan struct{})
}

// logHandler is the slog.Handler of Logs.
type logHandler struct {
	logs   *Logs
	next   slog.Handler
	prefix string // of the open groups
	attrs  []boundAttr
}

type boundAttr struct {
	prefix string
	attr   slog.Attr
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	e := LogEntry{Level: r.Level, Message: r.Message, Attrs: map[string]any{}}
	for _, b := range h.attrs {
		flatten(e.Attrs, b.prefix, b.attr)
	}
	r.Attrs(func(a slog.Attr) bool {
		flatten(e.Attrs, h.prefix, a)
		return true
	})
	h.logs.add(e)
	return h.next.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		c.attrs = append(c.attrs, boundAttr{h.prefix, a})
	}
	c.next = h.next.WithAttrs(attrs)
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.prefix = h.prefix + name + "."
	c.next = h.next.WithGroup(name)
	return &c
}

func flatten(into map[string]any, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		into[prefix+a.Key] = v.Any()
		return
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, inner := range v.Group() {
		flatten(into, prefix, inner)
	}
}
