package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/faultwire/faultwire/services/faultwire/internal/pipeline"
)

// progressEvery is how often the line of a replay under way is written anew.
const progressEvery = 500 * time.Millisecond

// progress shows on a terminal how many rows were read, until stop is called. Where
// there is no terminal it shows nothing.
func (s *session) progress(ctx context.Context, p *pipeline.Pipeline, run string) (stop func()) {
	if !isTerminal(s.Stderr) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		began, most := time.Now(), uint64(0)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				fmt.Fprint(s.Stderr, "\r\x1b[K") // the line is gone, what was asked for follows
				return
			case <-ticker.C:
			}
			// A count that fails is no reason to end; the next may succeed. The rows
			// are purged when the files are written.
			if rows, err := p.Rows(ctx, run); err == nil {
				most = max(most, rows)
			}
			fmt.Fprintf(s.Stderr, "\r\x1b[K%d rows read, %s", most, time.Since(began).Round(time.Second))
		}
	}()
	return func() { cancel(); <-done }
}

// isTerminal reports whether w is a character device, which /dev/null is too.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
