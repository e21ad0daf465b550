package ingest

import (
	"context"
	"log/slog"
	"os"

	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/services/ingest/internal/checkup"
)

// Modes of [Examination]. ModeNone: failures can't be read.
const (
	ModeNone      = string(checkup.None)
	ModeStreaming = string(checkup.Streaming)
	ModePolling   = string(checkup.Polling)
)

// Examination is what [Examine] found.
type Examination struct {
	Findings []doctor.Finding
	Mode     string // how failures would be read now
}

// Examine looks at everything in the database that decides whether and how failures
// can be read, and changes nothing. Whatever is wrong there is a finding; the error
// is that of wrong settings ([IsSettings]).
func Examine(ctx context.Context, cfg Config) (Examination, error) {
	d, err := newDatabase(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return Examination{}, err
	}
	findings, mode := checkup.Run(ctx, checkup.Config{
		Dialer: d.dialer, Schema: cfg.Postgres.Schema, Rescued: cfg.Ingest.IncludeRescued, Publication: cfg.Ingest.Publication, Slot: cfg.Ingest.Slot,
		Mode: cfg.Ingest.Mode, Container: cfg.Postgres.Container, InContainer: inContainer(),
	})
	return Examination{Findings: findings, Mode: string(mode)}, nil
}

// inContainer looks for the files that Docker and Podman put into theirs.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}
