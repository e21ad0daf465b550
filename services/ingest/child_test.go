package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest"
)

// childVariable makes this program an ingest of its own, which a test can kill.
const childVariable = "FAULTWIRE_TEST_INGEST"

// childSettings is what childVariable holds, as JSON.
type childSettings struct{ Postgres, NATS, Slot, Mode string }

// beChild runs a service until it is interrupted, or killed.
func beChild(settings string) error {
	var s childSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	conn, err := nats.Connect(s.NATS, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store, err := topology.Ensure(ctx, js, topology.Options{})
	if err != nil {
		return err
	}
	cfg := ingest.Default()
	cfg.Postgres.URL, cfg.Ingest.Slot, cfg.Ingest.Mode = config.URL(s.Postgres), s.Slot, s.Mode
	service, err := ingest.New(cfg, ingest.Deps{Store: store, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Patience: wait})
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

// child starts a service in a process of its own; kill ends it as a crash does.
func (r *rig) child(t *testing.T, b *lifted) (kill func()) {
	t.Helper()
	settings, err := json.Marshal(childSettings{string(r.cfg.Postgres.URL), b.url, r.cfg.Ingest.Slot, r.cfg.Ingest.Mode})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", childVariable, settings))
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("it had ended by itself: %v", err)
		}
		_ = cmd.Wait() // how a killed process ends
	}
	t.Cleanup(kill)
	return kill
}
