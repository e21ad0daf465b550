package surroundings_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/faultwire/internal/surroundings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// is checks a finding by parts of its text and fix.
func is(t *testing.T, got doctor.Finding, state doctor.State, text, fix string) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Text, text) || !strings.Contains(got.Fix, fix) || (state != doctor.OK) != (got.Fix != "") {
		t.Errorf("%+v, want %s %q %q", got, state, text, fix)
	}
}

// TestFolders looks at folders that are there, can be made, and can't.
func TestFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "a", "b")
	for _, folder := range []string{dir, below} {
		is(t, surroundings.LookAtOutput(folder), doctor.OK, folder+" is writable, ", "")
		is(t, surroundings.LookAtBroker(t.Context(), config.NATS{StoreDir: folder}), doctor.OK, folder+" is writable, for an embedded NATS, ", "")
	}
	is(t, surroundings.LookAtOutput(filepath.Join(file, "x")), doctor.Failed, file+" is a file", "move it away, or set output.dir (FAULTWIRE_OUTPUT_DIR)")
	is(t, surroundings.LookAtBroker(t.Context(), config.NATS{StoreDir: filepath.Join(file, "x")}), doctor.Failed, "can't be written: not a directory", "FAULTWIRE_NATS_STORE_DIR")
	is(t, surroundings.LookAtBroker(t.Context(), config.NATS{StoreDir: below, MaxBytes: 1 << 60}), doctor.Failed, "nats.max_bytes is 1048576TiB", "set nats.max_bytes (FAULTWIRE_NATS_MAX_BYTES) to ")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestFilled: a folder that somebody filled meanwhile, or before, stays.
func TestFilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := filepath.Join(dir, "output", "report.txt")
	if err := os.MkdirAll(filepath.Dir(keep), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	is(t, surroundings.LookAtOutput(filepath.Dir(keep)), doctor.OK, "is writable", "")
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}

func TestNATS(t *testing.T) {
	t.Parallel()
	server, conn := testkit.Broker(t, testkit.WithListener())
	address, err := server.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	is(t, surroundings.LookAtBroker(t.Context(), config.NATS{URL: config.URL(address), Replicas: 1}), doctor.OK, address+" answers, with JetStream", "")
	is(t, surroundings.LookAtBroker(t.Context(), config.NATS{URL: config.URL(address), Replicas: 3}), doctor.Failed, "is no cluster, and nats.replicas is 3", "FAULTWIRE_NATS_REPLICAS")
	testkit.StoreOn(t, conn) // once made, the streams stay as they are
	is(t, surroundings.LookAtBroker(t.Context(), config.NATS{URL: config.URL(address), Replicas: 3}), doctor.OK, "answers", "")
	got := surroundings.LookAtBroker(t.Context(), config.NATS{URL: "nats://u:secret@127.0.0.1:1"})
	is(t, got, doctor.Failed, "127.0.0.1:1", "start it, or correct nats.url (FAULTWIRE_NATS_URL)")
	if strings.Contains(got.Text, "secret") {
		t.Error(got.Text)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	state := http.StatusOK
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(state)
		}
		fmt.Fprintln(w, "ok")
	}))
	address := strings.TrimPrefix(ours.URL, "http://")
	is(t, surroundings.LookAtHTTP(t.Context(), address), doctor.OK, "a faultwire runs on "+address+", and is ready", "")
	state = http.StatusServiceUnavailable
	is(t, surroundings.LookAtHTTP(t.Context(), address), doctor.Warning, "not ready: ok", "see its log")
	ours.Close()
	is(t, surroundings.LookAtHTTP(t.Context(), address), doctor.OK, address+" is free", "")
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	is(t, surroundings.LookAtHTTP(t.Context(), strings.TrimPrefix(other.URL, "http://")), doctor.Failed, "in use by another program", "FAULTWIRE_HTTP_ADDR")
	is(t, surroundings.LookAtHTTP(t.Context(), "127.0.0.1:0"), doctor.OK, "a free port of 127.0.0.1", "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, surroundings.LookAtHTTP(ended, address), doctor.OK, "is free", "")
}

func TestZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 20, 30, 0, 0, time.UTC)
	is(t, surroundings.LookAtZone(config.Report{Timezone: "Asia/Shanghai"}, at), doctor.OK, "Asia/Shanghai, where it is 2026-11-25 04:30 now", "")
}
