package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/lifecycle"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/alias"
	"github.com/faultwire/faultwire/services/ingest/internal/failure"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/gap"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/metrics"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
	"github.com/faultwire/faultwire/services/ingest/internal/publisher"
	"github.com/faultwire/faultwire/services/ingest/internal/storm"
)

const (
	logEvery = time.Minute
	// standbyEvery is how often a standby tries to take the slot over.
	standbyEvery = 2 * time.Second
	// steady is how long a session lasts that makes the next retry a first one.
	steady = 10 * time.Second
)

// follower follows LiteLLM's table, one session after the other: by its slot or,
// where that can't be, by polling.
type follower struct {
	db        *database
	store     topology.Store
	queue     *feed.Queue
	index     *ids.Index
	builder   *failure.Builder
	names     *alias.Names
	clock     *postgres.Clock
	publisher *publisher.Publisher
	gap       *gap.State
	storm     *storm.Watch
	metrics   *metrics.Metrics
	log       *slog.Logger
	patience  time.Duration

	missing string // what streaming needs, as it was said
	skipped bool   // the slot looks at a past in which its publication is missing

	began  bool // the database was followed once: from now on whatever happens is waited out
	said   time.Time
	saidOf string
}

// run returns nil when ctx ended. Until the database was followed once, a fault of
// the settings ends it at once and any other after its patience.
func (f *follower) run(ctx context.Context) error {
	deadline := time.Now().Add(f.patience)
	pause := retryFirst
	for {
		began := time.Now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !f.began && postgres.IsSettings(err) {
			return err
		}
		if !f.began && time.Now().After(deadline) {
			return gaveUp(err, f.patience)
		}
		if time.Since(began) > steady {
			pause, f.saidOf = retryFirst, ""
		}
		wait := pause
		pause = min(2*pause, retryMost)
		if errors.Is(err, errStandby) {
			wait, pause = standbyEvery, retryFirst
		} else {
			f.setRole(metrics.Disconnected)
		}
		f.say(err)
		if !lifecycle.Pause(ctx, wait) {
			return nil
		}
	}
}

// session follows the table until something ends it, and says what; nil when ctx
// did.
func (f *follower) session(ctx context.Context) error {
	mode := f.db.cfg.Ingest.Mode
	if mode == config.ModePoll {
		return f.poll(ctx)
	}
	followed, err := f.stream(ctx)
	if mode == config.ModeStream || followed || !postgres.IsSettings(err) {
		return err
	}
	if text := err.Error(); text != f.missing {
		f.missing = text
		f.log.Warn("polling every 10 s; streaming would bring failures within a second and needs no queries, and is tried again at the next start", "missing", err)
	}
	polling := f.poll(ctx)
	if !f.began && postgres.IsSettings(polling) {
		return neither(err, polling)
	}
	return polling
}

// follows notes that a session has begun.
func (f *follower) follows(role metrics.Role) {
	f.began = true
	f.setRole(role)
}

func (f *follower) setRole(role metrics.Role) {
	f.metrics.SetRole(role)
	f.storm.SetActive(role.Active())
}

// say logs why a session ended: a new reason at once, the same every minute.
func (f *follower) say(err error) {
	text := err.Error()
	if text == f.saidOf && time.Since(f.said) < logEvery {
		return
	}
	f.said, f.saidOf = time.Now(), text
	switch {
	case errors.Is(err, errStandby):
		f.log.Info("standing by", "reason", err)
	case postgres.IsSettings(err):
		f.log.Error("can't follow LiteLLM's database until this is mended", "error", err)
	default:
		f.log.Warn("connection to LiteLLM's database lost, trying again", "error", err)
	}
}
