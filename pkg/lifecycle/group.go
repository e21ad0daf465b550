package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Group is services that live and end together. It is a [Service] itself.
type Group struct {
	log         *slog.Logger
	stopTimeout time.Duration
	members     []*member
}

// member is one service of a group. Its goroutine alone writes err, before it
// closes done.
type member struct {
	name    string
	service Service
	cancel  context.CancelFunc
	done    chan struct{}
	err     error
}

// NewGroup makes an empty group, whose services have stopTimeout, all together, to
// end.
func NewGroup(log *slog.Logger, stopTimeout time.Duration) *Group {
	return &Group{log: log, stopTimeout: stopTimeout}
}

// Add appends a service; upstream comes before downstream. It must not be called
// once the group runs.
func (g *Group) Add(name string, s Service) {
	g.members = append(g.members, &member{name: name, service: s})
}

// Run starts the services in the order of Add. When ctx ends or one of them
// returns, it stops them in the same order and waits for each, so that a service
// still finds what is downstream of it. One that takes more than half of the time
// that is left does not keep the next ones from stopping.
//
// It returns the first error with the name of its service, and ErrStopTimeout when
// services had to be left behind.
func (g *Group) Run(ctx context.Context) error {
	if len(g.members) == 0 || ctx.Err() != nil {
		return nil
	}
	ended := make(chan *member, len(g.members))
	for _, m := range g.members {
		g.start(ctx, m, ended)
	}
	var first *member
	select {
	case <-ctx.Done():
		g.log.Debug("stopping", "reason", context.Cause(ctx))
	case first = <-ended:
		g.log.Debug("stopping", "reason", "a service ended", "service", first.name)
	}
	late := g.stop()
	return g.verdict(first, late)
}

// start gives the service a context that only stop ends: the end of ctx must not
// reach all of them at once.
func (g *Group) start(ctx context.Context, m *member, ended chan<- *member) {
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.done = make(chan struct{})
	go func() {
		err := m.service.Run(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
		m.err = err
		close(m.done)
		ended <- m
	}()
}

// stop returns the services that did not end in time.
func (g *Group) stop() (late []*member) {
	deadline := time.Now().Add(g.stopTimeout)
	for i, m := range g.members {
		m.cancel()
		patience := time.Until(deadline)
		if i < len(g.members)-1 {
			patience /= 2
		}
		if !m.wait(patience) {
			g.log.Warn("service is slow to stop", "service", m.name, "waited", patience)
			late = append(late, m)
		}
	}
	for i := 0; i < len(late); {
		if !late[i].wait(time.Until(deadline)) {
			i++
			continue
		}
		late = append(late[:i], late[i+1:]...)
	}
	return late
}

func (m *member) wait(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.done:
		return true
	default:
	}
	select {
	case <-m.done:
		return true
	case <-timer.C:
		return false
	}
}

// verdict picks the first error; what else went wrong while stopping is logged.
func (g *Group) verdict(first *member, late []*member) error {
	names := make([]string, 0, len(late))
	isLate := make(map[*member]bool, len(late))
	for _, m := range late {
		names = append(names, m.name)
		isLate[m] = true
	}
	var result error
	if first != nil && first.err != nil {
		result = fmt.Errorf("%s: %w", first.name, first.err)
	}
	for _, m := range g.members {
		if m == first || isLate[m] || m.err == nil {
			continue
		}
		err := fmt.Errorf("%s: %w", m.name, m.err)
		if result == nil {
			result = err
			continue
		}
		g.log.Warn("another service failed too", "error", err)
	}
	if len(names) > 0 {
		result = errors.Join(result, fmt.Errorf("%s: %w of %s", strings.Join(names, ", "), ErrStopTimeout, g.stopTimeout))
	}
	return result
}
