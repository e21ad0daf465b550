package program

import (
	"io"
	"log/slog"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/telemetry"
)

// Logger makes the program's logger by the settings of section log; verbose shows
// everything.
func Logger(w io.Writer, settings config.Log, verbose bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.Level)); err != nil {
		level = slog.LevelInfo // settings made by hand; Load refuses it
	}
	if verbose {
		level = slog.LevelDebug
	}
	return telemetry.NewLogger(w, settings.Format, level)
}

// Warn logs what the settings said that is not used.
func Warn(log *slog.Logger, settings *config.Settings) {
	for _, text := range settings.Warnings {
		log.Warn("settings", "note", text)
	}
}
