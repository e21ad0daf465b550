package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/lifecycle"
)

var errBroken = errors.New("broken")

// journal collects what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// service runs until its context ends, needs slow to stop, and returns result.
func (j *journal) service(name string, slow time.Duration, result error) lifecycle.Service {
	return lifecycle.ServiceFunc(func(ctx context.Context) error {
		<-ctx.Done()
		j.add(name + " told to stop")
		<-time.After(slow)
		j.add(name + " ended")
		return result
	})
}

func newGroup(timeout time.Duration) *lifecycle.Group {
	return lifecycle.NewGroup(slog.New(slog.DiscardHandler), timeout)
}

func TestStopsInOrderOfAdd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		g := newGroup(10 * time.Second)
		g.Add("ingest", j.service("ingest", time.Second, nil))
		g.Add("analyzer", j.service("analyzer", time.Second, context.Canceled))
		g.Add("broker", j.service("broker", 0, nil))

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
		want := []string{
			"ingest told to stop", "ingest ended",
			"analyzer told to stop", "analyzer ended",
			"broker told to stop", "broker ended",
		}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFirstErrorStopsAllAndWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		g := newGroup(10 * time.Second)
		g.Add("ingest", j.service("ingest", 0, errors.New("fails while stopping")))
		g.Add("analyzer", lifecycle.ServiceFunc(func(context.Context) error {
			<-time.After(time.Minute)
			return errBroken
		}))
		g.Add("broker", j.service("broker", 0, nil))

		err := g.Run(t.Context())
		if !errors.Is(err, errBroken) || err.Error() != "analyzer: broken" {
			t.Errorf("got %v, want analyzer: broken", err)
		}
		if got := j.lines[len(j.lines)-1]; got != "broker ended" {
			t.Errorf("last was %q", got)
		}
	})
}

func TestErrorWhileStoppingIsReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		g := newGroup(10 * time.Second)
		g.Add("ingest", j.service("ingest", 0, nil))
		g.Add("reporter", j.service("reporter", 0, errBroken))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Run(ctx); !errors.Is(err, errBroken) || err.Error() != "reporter: broken" {
			t.Errorf("got %v, want reporter: broken", err)
		}
	})
}

func TestOneThatIsDoneStopsAllWithoutError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		g := newGroup(10 * time.Second)
		g.Add("ingest", j.service("ingest", 0, nil))
		g.Add("once", lifecycle.ServiceFunc(func(context.Context) error { return nil }))
		if err := g.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"ingest told to stop", "ingest ended"}, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// A service that hangs must neither keep the others from stopping nor the
// program from ending.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		g := newGroup(10 * time.Second)
		g.Add("stuck", j.service("stuck", time.Hour, nil))
		g.Add("slow", j.service("slow", 4*time.Second, nil))
		g.Add("broker", j.service("broker", 0, nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancelled := time.Now().Add(time.Second)
		time.AfterFunc(time.Second, cancel)

		err := g.Run(ctx)
		if !errors.Is(err, lifecycle.ErrStopTimeout) || !strings.Contains(err.Error(), "stuck") || strings.Contains(err.Error(), "slow") {
			t.Errorf("got %v, want ErrStopTimeout naming stuck alone", err)
		}
		if took := time.Since(cancelled); took != 10*time.Second {
			t.Errorf("stopping took %s, want 10s", took)
		}
		j.mu.Lock()
		want := []string{"stuck told to stop", "slow told to stop", "broker told to stop", "broker ended", "slow ended"}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Error(diff)
		}
		j.mu.Unlock()
		<-time.After(2 * time.Hour) // lets it end inside the bubble
	})
}

func TestNothingStartsWhenAlreadyOver(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := newGroup(time.Second)
	g.Add("never", lifecycle.ServiceFunc(func(context.Context) error { return errBroken }))
	if err := g.Run(ctx); err != nil {
		t.Error(err)
	}
}

// Values of the context reach the services, and a group is a service itself.
func TestGroupInGroup(t *testing.T) {
	t.Parallel()
	type key struct{}
	inner := newGroup(time.Second)
	inner.Add("leaf", lifecycle.ServiceFunc(func(ctx context.Context) error {
		if ctx.Value(key{}) != "here" {
			return errors.New("the value of the context is lost")
		}
		return errBroken
	}))
	outer := newGroup(time.Second)
	outer.Add("inner", inner)
	err := outer.Run(context.WithValue(t.Context(), key{}, "here"))
	if !errors.Is(err, errBroken) || err.Error() != "inner: leaf: broken" {
		t.Errorf("got %v", err)
	}
}
