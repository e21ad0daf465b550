package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/topology"
)

// Shares of a lease's ttl.
const (
	pollShare  = 5 // who waits looks 5 times
	renewShare = 3 // who holds renews 3 times
	// Who could not renew gives up when 3/4 have passed, so that fn has the last
	// quarter to end.
	holdShare = 0.75

	releaseTimeout = 2 * time.Second
)

// Holder names this process to people who look at a lease: host and pid.
func Holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s (pid %d)", host, os.Getpid())
}

// Hold waits for the lease name (topology.LeaseKey), then runs fn while it is kept;
// holder says who we are, to people. When the lease is lost, the context of fn ends
// with the cause ErrLeaseLost, a quarter of ttl before another can have it, and Hold
// waits for it again. It returns nil when ctx ended, else what fn returned; the
// lease is then free at once.
//
// A lease is free when its entry has not changed for ttl. That is measured by each
// waiter with its own stopwatch, from when it saw the entry, so clocks need not
// agree, and taken by a write that names the revision seen, so one alone succeeds.
// A holder whose machine was asleep may still believe for a moment that it has the
// lease: what fn writes is guarded by [PublishOnce] and [Append].
func Hold(ctx context.Context, kv jetstream.KeyValue, name, holder string, ttl time.Duration, log *slog.Logger, fn func(ctx context.Context) error) error {
	l := &lease{kv: kv, name: name, key: topology.LeaseKey(name), ttl: ttl, log: log.With("lease", name)}
	l.self.Holder = holder
	for {
		if err := l.acquire(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		lost, err := l.run(ctx, fn)
		if !lost {
			return err
		}
		l.log.Warn("lease lost, waiting for it again")
	}
}

type lease struct {
	kv       jetstream.KeyValue
	name     string
	key      string
	ttl      time.Duration
	log      *slog.Logger
	self     tenant
	revision uint64
	renewed  time.Time // when the last write that succeeded was begun
}

// tenant is the value of a lease.
type tenant struct {
	Holder string `json:"holder"`
	Token  string `json:"token"` // random, of one tenancy
}

// acquire returns when we have the lease. Its errors are those no waiting mends.
func (l *lease) acquire(ctx context.Context) error {
	l.self.Token = rand.Text()
	var seen sighting
	var trouble bool
	for {
		err := l.try(ctx, &seen)
		switch {
		case err == nil:
			l.log.Info("lease taken", "holder", l.self.Holder)
			return nil
		case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrInvalidKey):
			return fmt.Errorf("take the lease %s: %w", l.name, err)
		case errors.Is(err, errHeld), errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyRevisionMismatch):
			trouble = false
		case !trouble && ctx.Err() == nil:
			l.log.Warn("lease can't be read or taken, trying on", "error", err)
			trouble = true
		}
		if !lifecycle.Pause(ctx, l.ttl/pollShare) {
			return ctx.Err()
		}
	}
}

// sighting is a revision of the entry and when we first saw it.
type sighting struct {
	revision uint64
	at       time.Time
}

// try takes the lease if it is free.
func (l *lease) try(ctx context.Context, seen *sighting) error {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/2)
	defer cancel()
	entry, err := l.kv.Get(ctx, l.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return l.create(ctx)
	}
	if err != nil {
		return err
	}
	if entry.Revision() != seen.revision {
		*seen = sighting{revision: entry.Revision(), at: time.Now()}
		l.log.Debug("lease is held", "holder", holderOf(entry))
	}
	// It may be our own, from a write whose answer was lost.
	if l.isOurs(entry) || time.Since(seen.at) >= l.ttl {
		return l.write(ctx, entry.Revision())
	}
	return errHeld
}

func (l *lease) create(ctx context.Context) error {
	began := time.Now()
	revision, err := l.kv.Create(ctx, l.key, l.value())
	if err == nil {
		l.revision, l.renewed = revision, began
	}
	return err
}

// write renews the lease, or takes it over from who wrote revision.
func (l *lease) write(ctx context.Context, revision uint64) error {
	began := time.Now()
	next, err := l.kv.Update(ctx, l.key, l.value(), revision)
	if err == nil {
		l.revision, l.renewed = next, began
	}
	return err
}

func (l *lease) value() []byte {
	data, _ := json.Marshal(l.self) // two strings
	return data
}

func (l *lease) isOurs(entry jetstream.KeyValueEntry) bool {
	var t tenant
	return json.Unmarshal(entry.Value(), &t) == nil && t.Token == l.self.Token
}

func holderOf(entry jetstream.KeyValueEntry) string {
	var t tenant
	if err := json.Unmarshal(entry.Value(), &t); err != nil {
		return "unknown"
	}
	return t.Holder
}

// run runs fn under the lease. lost = it ended because the lease was lost.
func (l *lease) run(ctx context.Context, fn func(context.Context) error) (lost bool, err error) {
	held, end := context.WithCancelCause(ctx)
	defer end(nil)
	kept := make(chan bool, 1)
	go func() {
		ok := l.keep(held)
		if !ok {
			end(ErrLeaseLost)
		}
		kept <- ok
	}()
	err = fn(held)
	ended, cause := held.Err(), context.Cause(held)
	end(nil)
	lost = !<-kept
	if !lost {
		l.release(ctx)
	}
	obeyed := ended != nil && (err == nil || errors.Is(err, ended) || errors.Is(err, cause))
	if lost && ctx.Err() == nil && (err == nil || obeyed) {
		return true, nil
	}
	if obeyed {
		return false, nil
	}
	return false, err
}

// keep renews until ctx ends (true) or the lease is lost (false).
func (l *lease) keep(ctx context.Context) bool {
	every := l.ttl / renewShare
	for next := every; lifecycle.Pause(ctx, min(next, time.Until(l.giveUp()))); {
		err := l.renew(ctx)
		left := time.Until(l.giveUp())
		switch {
		case errors.Is(err, ErrLeaseLost), left <= 0:
			return false
		case err != nil:
			l.log.Debug("lease not renewed, trying again", "error", err, "left", left)
			next = every / 4
		default:
			next = every
		}
	}
	return true
}

// giveUp is when fn has to end if no renewal succeeds.
func (l *lease) giveUp() time.Time {
	return l.renewed.Add(time.Duration(holdShare * float64(l.ttl)))
}

// renew writes once more, also when ctx ends meanwhile: a write that is cut short
// leaves a revision we don't know and couldn't release. An answer that was lost
// looks like a conflict; then the entry is ours.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(time.Until(l.giveUp()), releaseTimeout))
	defer cancel()
	err := l.write(ctx, l.revision)
	if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return err
	}
	entry, err := l.kv.Get(ctx, l.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return ErrLeaseLost
	case err != nil:
		return err
	case !l.isOurs(entry):
		return ErrLeaseLost
	}
	return l.write(ctx, entry.Revision())
}

// release frees the lease for the next; if it can't be told, it runs out.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := l.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision)); err != nil {
		l.log.Debug("lease not released, it runs out", "error", err)
	}
}
