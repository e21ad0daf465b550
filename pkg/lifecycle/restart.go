package lifecycle

import (
	"context"
	"log/slog"
	"time"

	"github.com/faultwire/faultwire/pkg/telemetry"
)

// Waits between two runs, doubling; a run that lasted longer than the longest wait
// begins with the first again.
const (
	restartFirst = 200 * time.Millisecond
	restartMost  = 10 * time.Second
)

// Restarting is a service that runs again whenever run returns before ctx ended: for
// loops that resume from what is stored, so that a NATS server being restarted is a
// pause and not the end of the process. What ended a run is logged as a warning;
// whether it makes progress is for its readiness check to say.
func Restarting(log *slog.Logger, what string, run func(ctx context.Context) error) Service {
	return ServiceFunc(func(ctx context.Context) error {
		for wait := restartFirst; ; wait = min(2*wait, restartMost) {
			began := time.Now()
			err := run(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if time.Since(began) > restartMost {
				wait = restartFirst
			}
			log.Warn("interrupted, resuming", "what", what, telemetry.ErrorKey, err, "in", wait)
			Pause(ctx, wait)
		}
	})
}
