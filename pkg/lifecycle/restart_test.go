package lifecycle_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

func TestRestarting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		var runs []time.Duration
		s := lifecycle.Restarting(slog.New(slog.DiscardHandler), "planner", func(ctx context.Context) error {
			runs = append(runs, time.Since(began).Round(time.Millisecond))
			switch len(runs) {
			case 4: // one that lasts
				<-time.After(time.Minute)
			case 6:
				cancel()
				return ctx.Err()
			}
			return errBroken
		})
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		ms := func(n time.Duration) time.Duration { return n * time.Millisecond }
		want := []time.Duration{0, ms(200), ms(600), ms(1400), ms(61_600), ms(62_000)}
		if diff := cmp.Diff(want, runs); diff != "" {
			t.Error(diff)
		}
	})
}
