package postgres_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/container"
	"github.com/faultwire/faultwire/services/ingest/internal/postgres"
)

const (
	image      = "postgres:17"
	dockerWait = 60 * time.Second // for what takes 3 s on a machine that has nothing else to do
)

// needDocker skips where no Docker engine runs that stays, or the image can't be
// had.
func needDocker(t *testing.T) {
	t.Helper()
	standins, err := filepath.Abs("../../../../../shared/docker-standins")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(standins); err != nil {
		t.Skip("../shared/docker-standins is not here: no image is fetched for a test") //nolint:forbidigo // Docker is absent
	}
	if _, err := docker(t.Context(), "version"); err != nil {
		t.Skipf("no Docker engine answers: %v", err) //nolint:forbidigo // Docker is absent
	}
	if _, err := os.Stat("/var/tmp/faultwire-engine"); err == nil {
		t.Skip("the Docker engine is that of another test, which will stop it") //nolint:forbidigo // Docker is absent
	}
	if _, err := docker(t.Context(), "image", "inspect", image); err != nil {
		if out, err := osexec.CommandContext(t.Context(), filepath.Join(standins, "postgres.sh"), image).CombinedOutput(); err != nil {
			t.Skipf("%s can't be made: %v\n%s", image, err, out) //nolint:forbidigo // Docker is absent
		}
	}
}

func docker(ctx context.Context, args ...string) (string, error) {
	cmd := osexec.CommandContext(ctx, "docker", args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return strings.TrimSpace(string(out)), err
}

// box is a container with a database, made for one test.
type box struct {
	t    *testing.T
	name string
}

func (b box) docker(args ...string) string {
	b.t.Helper()
	out, err := docker(b.t.Context(), args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// newBox starts a container as LiteLLM's compose file does.
func newBox(t *testing.T, flags ...string) box {
	t.Helper()
	b := box{t, "faultwire-test-" + strings.ToLower(rand.Text()[:8])}
	t.Cleanup(func() {
		if _, err := docker(context.WithoutCancel(t.Context()), "rm", "--force", "--volumes", b.name); err != nil {
			t.Error(err)
		}
	})
	args := slices.Concat([]string{"run", "--detach", "--name", b.name, "--env", "POSTGRES_DB=litellm", "--env", "POSTGRES_USER=llmproxy", "--env", "POSTGRES_PASSWORD=" + secret},
		flags, []string{image, "-c", "wal_level=logical", "-c", "fsync=off"})
	b.docker(args...)
	return b
}

// dialer reaches the container, once its database is made.
func (b box) dialer(change func(*config.Postgres)) *postgres.Dialer {
	b.t.Helper()
	p := config.Postgres{Container: b.name}
	if change != nil {
		change(&p)
	}
	d, err := postgres.New(p, os.Getenv)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b box) connect(d *postgres.Dialer) *pgx.Conn {
	b.t.Helper()
	var conn *pgx.Conn
	testkit.Eventually(b.t, dockerWait, "the database in the container takes a connection", func() bool {
		var err error
		conn, err = d.SQL(b.t.Context())
		if err != nil && postgres.IsSettings(err) {
			b.t.Fatalf("while it starts: %v", err)
		}
		return err == nil
	})
	if conn == nil {
		b.t.FailNow()
	}
	b.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(b.t.Context())) })
	return conn
}

// TestContainerAddress: a container on a bridge is reached at its address, which
// changes when it is started again; a password that is not that of its environment
// any more does not matter, as it doesn't to `docker exec psql`.
func TestContainerAddress(t *testing.T) {
	t.Parallel()
	needDocker(t)
	b := newBox(t)
	d := b.dialer(nil)
	if got := d.Target(); got != b.name {
		t.Errorf("before a connection: %s", got)
	}
	b.connect(d) // at the very start the relay may be the faster way
	conn := b.connect(d)
	address := b.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", b.name)
	if want := "at its address " + address + ":5432"; d.Route() != want {
		t.Errorf("reached %s, want %s", d.Route(), want)
	}
	if want := "llmproxy@" + b.name + "/litellm"; d.Target() != want {
		t.Errorf("after a connection: %s, want %s", d.Target(), want)
	}

	b.docker("stop", "--time", "20", b.name)
	_, err := d.SQL(t.Context())
	if err == nil || postgres.IsSettings(err) || !strings.Contains(err.Error(), b.name+" is not running (exited, exit code 0). Start it: docker start "+b.name) {
		t.Errorf("stopped: %v", err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection outlives its server")
	}
	squatter := newBox(t, "--entrypoint", "sleep") // takes its address; sleep ends at once
	b.docker("start", b.name)
	conn = b.connect(d)
	t.Logf("reached %s, before %s, beside %s", d.Route(), address, squatter.name)

	// A local connection needs no password, one from outside does.
	exec(t, conn, "ALTER ROLE llmproxy PASSWORD 'another'")
	if err := b.connect(d).Ping(t.Context()); err != nil || d.Route() != container.RelayRoute {
		t.Errorf("another password: reached %s, %v", d.Route(), err)
	}
	outside := b.dialer(func(p *config.Postgres) { p.User, p.Password = "nobody", "x" })
	_, err = outside.SQL(t.Context())
	if !postgres.IsSettings(err) || !strings.HasPrefix(err.Error(), "postgres.container: ") || !strings.Contains(err.Error(), `user "nobody"`) {
		t.Errorf("no such role: %v", err)
	}
}

// TestContainerRelay: a container without a network is reached through a relay in
// it, for SQL and for replication, and nothing stays in it afterwards.
func TestContainerRelay(t *testing.T) {
	t.Parallel()
	needDocker(t)
	b := newBox(t, "--network", "none")
	d := b.dialer(nil)
	conn := b.connect(d)
	if d.Route() != container.RelayRoute {
		t.Errorf("reached %s", d.Route())
	}
	schema, err := testkit.Schema(sample.Version)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, schema)
	exec(t, conn, `CREATE PUBLICATION p FOR TABLE "LiteLLM_SpendLogs" WITH (publish = 'insert')`)
	exec(t, conn, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
	rows := testkit.Rows(t, sample.Version)
	insert(t, conn, rows)
	follower, err := d.Replication(t.Context(), "UTF8", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream(t, follower, len(rows))

	// A query ends with its context, its connection with it.
	ctx, cancel := context.WithCancel(t.Context())
	waiting := b.connect(d)
	ended := make(chan error)
	go func() {
		_, err := waiting.Exec(ctx, "SELECT pg_sleep(600)")
		ended <- err
	}()
	testkit.Eventually(t, dockerWait, "the query runs", func() bool {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").Scan(&n)
		return err == nil && n == 1
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled query: %v", err)
	}

	// The client is gone without a word: so are walsender and relay.
	_ = follower.Conn().Close()
	testkit.Eventually(t, dockerWait, "the walsender ends", func() bool {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_replication").Scan(&n)
		return err == nil && n == 0
	})
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	testkit.Eventually(t, dockerWait, "no relay stays", func() bool {
		processes := strings.Split(b.docker("top", b.name, "-o", "pid,args"), "\n")[1:]
		return !slices.ContainsFunc(processes, func(line string) bool { return !strings.Contains(line, " postgres") })
	})

	// Without its tools the image can't pass a connection on.
	b.docker("exec", b.name, "rm", "-f", "/bin/bash", "/usr/bin/bash")
	_, err = d.SQL(t.Context())
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "has none of socat, bash and nc") || !strings.Contains(err.Error(), "Publish its port") {
		t.Errorf("without bash: %v", err)
	}
	b.docker("exec", b.name, "rm", "-f", "/bin/sh", "/usr/bin/sh")
	_, err = d.SQL(t.Context())
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "has no sh") {
		t.Errorf("without sh: %v", err)
	}
	missing := box{t, b.name + "-1"}
	_, err = missing.dialer(nil).SQL(t.Context())
	if !postgres.IsSettings(err) || !strings.Contains(err.Error(), "no such container: "+missing.name+". Running are ") || !strings.Contains(err.Error(), b.name+" (postgres:17)") {
		t.Errorf("no such container: %v", err)
	}
}

// stream follows slot s until so many rows came.
func stream(t *testing.T, conn *pgconn.PgConn, rows int) {
	t.Helper()
	err := pglogrepl.StartReplication(t.Context(), conn, "s", 0, pglogrepl.StartReplicationOptions{
		Mode: pglogrepl.LogicalReplication, PluginArgs: []string{"proto_version '1'", "publication_names 'p'"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for got := 0; got < rows; {
		// Deadlines in the middle of the stream lose nothing.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		message, err := conn.ReceiveMessage(ctx)
		cancel()
		if pgconn.Timeout(err) && t.Context().Err() == nil {
			continue
		}
		if err != nil {
			t.Fatalf("after %d rows: %v", got, err)
		}
		if data, ok := message.(*pgproto3.CopyData); ok && data.Data[0] == pglogrepl.XLogDataByteID && len(data.Data) > 25 && data.Data[25] == 'I' {
			got++
		}
	}
}
