package e2e

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/faultwire/faultwire/pkg/pgtemp"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// TestOutage: PostgreSQL is stopped and started under the running pipeline, in
// order and as by a crash.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t, nil)
	s := newScene(t, testkit.WithServer(server))
	rows := recent(t)
	p := s.follow()
	third := len(rows) / 3
	for i, mode := range []pgtemp.StopMode{pgtemp.Fast, pgtemp.Immediate} {
		if err := sample.Insert(t.Context(), s.conn, rows[i*third:(i+1)*third]); err != nil {
			t.Fatal(err)
		}
		if err := server.Stop(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.conn = s.db.Conn(t)
	}
	if err := sample.Insert(t.Context(), s.conn, rows[2*third:]); err != nil {
		t.Fatal(err)
	}
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestThreePrograms: ingest, analyzer and reporter as programs of their own, on a
// NATS server, give the same files as `run`.
func TestThreePrograms(t *testing.T) {
	t.Parallel()
	apart, together := newScene(t), newScene(t)
	broker, _ := testkit.Broker(t, testkit.WithListener())
	url, err := broker.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	apart.more = []string{"FAULTWIRE_NATS_URL=" + url}
	var programs []*process
	for _, name := range []string{"reporter", "analyzer", "ingest"} {
		programs = append(programs, start(t, name, apart.env()))
	}
	testkit.Eventually(t, patience, "ingest has made its slot", func() bool {
		var n int
		err := apart.conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND active", apart.db.Name).Scan(&n)
		return err == nil && n == 1
	})
	run := together.follow()
	rows := recent(t)
	rows = append(rows, hostile(t, rows)...)
	for _, s := range []*scene{apart, together} {
		if err := sample.Insert(t.Context(), s.conn, rows); err != nil {
			t.Fatal(err)
		}
	}
	apart.reported(patience)
	together.reported(patience)
	for _, kind := range []string{"error_logs_full", "error_logs_analysis"} {
		equal(t, kind, together.ids(kind), apart.ids(kind))
	}
	for _, p := range append(programs, run) {
		if code := p.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("%s: exit code %d", p.cmd.Path, code)
		}
	}
}

// TestRunOnNATS: with nats.url, run brings no server of its own.
func TestRunOnNATS(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	broker, _ := testkit.Broker(t, testkit.WithListener())
	url, err := broker.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	s.more = []string{"FAULTWIRE_NATS_URL=" + url}
	p := s.follow()
	if err := sample.Insert(t.Context(), s.conn, recent(t)); err != nil {
		t.Fatal(err)
	}
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(s.store); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nats.store_dir was made: %v", err)
	}
}
