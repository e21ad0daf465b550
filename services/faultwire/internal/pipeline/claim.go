package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter"
)

// claim takes what can be had only alone or not at all: the output folder, the
// address, the data folder. All that is wrong is said at once.
func (p *Pipeline) claim(ctx context.Context) error {
	s := &p.cfg.Settings
	var faults []error
	if err := reporter.CheckOutput(s.Output.Dir); err != nil {
		faults = append(faults, program.Usage(err))
	}
	if p.cfg.Follow {
		var err error
		if p.http, err = telemetry.Listen(s.HTTP.Addr, p.registry, p.ready); err != nil {
			faults = append(faults, program.Usage(err))
		}
	}
	if s.NATS.URL == "" {
		if err := p.startBroker(ctx); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// startBroker starts the embedded server. Every acknowledged message is on disk:
// ingest confirms to Postgres what is acknowledged here, and Postgres then drops
// its copy.
func (p *Pipeline) startBroker(ctx context.Context) error {
	n := &p.cfg.Settings.NATS
	if n.MaxBytes == 0 {
		most, err := broker.DefaultMaxBytes(n.StoreDir)
		if err != nil {
			return program.Usage(fmt.Errorf("nats.store_dir (FAULTWIRE_NATS_STORE_DIR): %w", err))
		}
		n.MaxBytes = config.Bytes(most)
	}
	server, err := broker.Start(ctx, broker.Config{StoreDir: n.StoreDir, SyncAlways: true, Logger: p.log})
	if errors.Is(err, broker.ErrLocked) || isFolder(err) {
		return program.Usage(err)
	}
	p.broker = server
	return err
}

// isFolder reports whether the folder itself is what is wrong.
func isFolder(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// storageExceeded is the server's code for a stream larger than what it may use
// (JSStorageResourcesExceededErr in its errors.json).
const storageExceeded jetstream.ErrorCode = 10047

// connect opens the connection and makes the streams.
func (p *Pipeline) connect(ctx context.Context) error {
	s := &p.cfg.Settings
	var err error
	if p.broker != nil {
		p.conn, err = p.broker.Connect()
	} else {
		p.conn, err = program.Connect(ctx, s.NATS, "faultwire", p.log)
	}
	if err != nil {
		return err
	}
	p.store, err = program.Ensure(ctx, p.conn, topology.Options{Replicas: s.NATS.Replicas, MaxBytes: int64(s.NATS.MaxBytes)})
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == storageExceeded && p.broker != nil {
		return program.Usage(fmt.Errorf("nats.max_bytes: twice %s, for the log and for a replay, is more than three quarters of the disk that is free below %s; set it lower (FAULTWIRE_NATS_MAX_BYTES), or nats.store_dir elsewhere", s.NATS.MaxBytes, s.NATS.StoreDir))
	}
	if err != nil {
		return err
	}
	if p.broker == nil {
		return nil
	}
	return topology.TakeOver(ctx, p.store) // the folder is locked: nobody else is there
}
