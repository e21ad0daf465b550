package surroundings

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/pkg/topology"
)

const (
	natsTimeout = 5 * time.Second
	// mostPayload is the largest row that LiteLLM's defaults make; larger messages
	// than a broker takes are cut.
	mostPayload = broker.DefaultMaxPayload
)

// LookAtBroker looks at the server of nats.url, or at the folder of the embedded
// one.
func LookAtBroker(ctx context.Context, n config.NATS) doctor.Finding {
	if n.URL != "" {
		return lookAtNATS(ctx, n)
	}
	if err := writable(n.StoreDir); err != nil {
		return doctor.Fail(Broker, "set nats.store_dir (FAULTWIRE_NATS_STORE_DIR) to a folder that this user can write, on a disk of this machine", "%s can't be written: %v", n.StoreDir, cause(err))
	}
	const remedy = "free some space, or set nats.store_dir (FAULTWIRE_NATS_STORE_DIR) to another disk"
	free, err := broker.FreeDisk(n.StoreDir)
	if err != nil {
		return doctor.Fail(Broker, remedy, "%v", err)
	}
	// As the embedded server has it at its start: three quarters of what is free, for
	// the log and for a replay.
	room := (free + used(n.StoreDir)) / 4 * 3
	if need := 2 * int64(n.MaxBytes); need > room {
		return doctor.Fail(Broker, "set nats.max_bytes (FAULTWIRE_NATS_MAX_BYTES) to "+config.Bytes(room/2>>20<<20).String()+" or less, or nats.store_dir to another disk",
			"nats.max_bytes is %s: twice that, for the log and for a replay, is more than the %s that may be used of the disk of %s", n.MaxBytes, plain.Size(room), n.StoreDir)
	}
	return space(Broker, n.StoreDir, "is writable, for an embedded NATS", remedy)
}

// writable tries to write a file there.
func writable(dir string) error {
	defer leave(dir)()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".faultwire-check-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// used is what a store has on its disk, in bytes; what can't be read counts as
// nothing.
func used(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// cause drops the path, which stands before it.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func lookAtNATS(ctx context.Context, n config.NATS) doctor.Finding {
	options := []nats.Option{nats.Name("faultwire check"), nats.Timeout(natsTimeout), nats.NoReconnect()}
	if n.Credentials != "" {
		options = append(options, nats.UserCredentials(n.Credentials))
	}
	conn, err := nats.Connect(n.URL.Reveal(), options...)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return doctor.Fail(Broker, "set user and password in nats.url, or nats.credentials (FAULTWIRE_NATS_CREDENTIALS)", "%s refuses us: %v", n.URL, err)
	case err != nil:
		return doctor.Fail(Broker, "start it, or correct nats.url (FAULTWIRE_NATS_URL)", "%s: %v", n.URL, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, natsTimeout)
	defer cancel()
	js, err := jetstream.New(conn)
	if err != nil {
		return doctor.Fail(Broker, "", "%s: %v", n.URL, err)
	}
	account, err := js.AccountInfo(ctx)
	if err != nil {
		return doctor.Fail(Broker, "start the server with -js, or allow JetStream for this account", "%s has no JetStream: %v", n.URL, err)
	}
	return limits(ctx, n, conn, js, account)
}

// limits looks whether what faultwire makes there fits.
func limits(ctx context.Context, n config.NATS, conn *nats.Conn, js jetstream.JetStream, account *jetstream.AccountInfo) doctor.Finding {
	_, err := js.Stream(ctx, topology.Failures)
	most := int64(n.MaxBytes)
	if most == 0 {
		most = topology.DefaultMaxBytes
	}
	switch has := account.Limits.MaxStore; {
	case err != nil && !errors.Is(err, jetstream.ErrStreamNotFound):
		return doctor.Fail(Broker, "", "%s: look for stream %s: %v", n.URL, topology.Failures, err)
	case err == nil: // made already: it is not resized
	case has > 0 && has-int64(account.Store) < 2*most:
		return doctor.Fail(Broker, "set nats.max_bytes (FAULTWIRE_NATS_MAX_BYTES) lower, or raise the account's max_file",
			"%s: this account may store %s more, and the log and a replay take %s each", n.URL, plain.Size(has-int64(account.Store)), plain.Size(most))
	case n.Replicas > 1 && conn.ConnectedClusterName() == "":
		return doctor.Fail(Broker, "set nats.replicas: 1 (FAULTWIRE_NATS_REPLICAS)", "%s is no cluster, and nats.replicas is %d", n.URL, n.Replicas)
	}
	if conn.MaxPayload() < mostPayload {
		return doctor.Warn(Broker, "set max_payload: 8MB in the server's configuration", "%s takes messages of %s at most: larger rows lose their longest fields", n.URL, plain.Size(conn.MaxPayload()))
	}
	return doctor.Fine(Broker, "%s answers, with JetStream (nats-server %s)", n.URL, conn.ConnectedServerVersion())
}
