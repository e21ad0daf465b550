package program

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that SIGINT and SIGTERM end. A second signal kills the
// process, as if nobody had listened: an orderly stop that hangs must not need
// kill -9.
func Signals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
