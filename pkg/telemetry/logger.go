// Package telemetry is how a program tells what it does: log, metrics, and the
// HTTP server with /metrics, /healthz and /readyz.
package telemetry

import (
	"io"
	"log/slog"
)

// ErrorKey is the key of an error in a log line.
const ErrorKey = "error"

// NewLogger writes records of level and above to w, as JSON when format (the
// setting log.format) is "json", else as text.
func NewLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
