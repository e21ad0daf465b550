package reporter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/reporter"
)

// A child is this test binary running a reporter, to be killed.
const (
	childVariable = "FAULTWIRE_TEST_REPORTER_NATS"
	childDir      = "FAULTWIRE_TEST_REPORTER_DIR"
)

func runChild(url, dir string) {
	err := func() error {
		ctx := context.Background()
		conn, err := nats.Connect(url)
		if err != nil {
			return err
		}
		js, err := jetstream.New(conn)
		if err != nil {
			return err
		}
		store, err := topology.Ensure(ctx, js, topology.Options{})
		if err != nil {
			return err
		}
		c := reporter.Default()
		c.Output.Dir, c.Alone = dir, true
		service, err := reporter.New(c, reporter.Deps{Store: store, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Ready: telemetry.NewReadiness()})
		if err != nil {
			return err
		}
		return service.Run(ctx)
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKilledAgainAndAgain kills the reporter at random moments while it writes
// periods: in the end there is one complete set for each, with every row once.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	server, conn := testkit.Broker(t, testkit.WithListener())
	url, err := server.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	store := testkit.StoreOn(t, conn)
	const periods, rows, kills = 40, 25, 10
	// An ack that was lost with the process is made good after AckWait, a minute in
	// production.
	shortAckWait(t, store.JetStream)
	want := map[string][]string{} // request ids by stamp
	for i := range periods {
		stamp, ids := publishPeriod(t, store, i, rows)
		want[stamp] = ids
	}
	dir := filepath.Join(t.TempDir(), "output")
	for range kills {
		child := startChild(t, url, dir)
		timer := time.NewTimer(time.Duration(150+rand.IntN(250)) * time.Millisecond)
		<-timer.C
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
	}
	killed := len(names(t, dir, "query_params_"))
	child := startChild(t, url, dir)
	testkit.Eventually(t, 2*wait, "all periods are complete", func() bool { return len(names(t, dir, "query_params_")) == periods })
	testkit.Eventually(t, wait, "the last is recorded", func() bool {
		entry, err := store.State.Get(t.Context(), topology.OutcomeKey(event.RunLive))
		return err == nil && strings.Contains(string(entry.Value()), `"matched":25`)
	})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	t.Logf("%d of %d sets were complete after %d kills", killed, periods, kills)

	got := map[string][]string{}
	for _, path := range names(t, dir, "error_logs_full_") {
		stamp := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "error_logs_full_"), ".json")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var set []struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(data, &set); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, row := range set {
			got[stamp] = append(got[stamp], row.RequestID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows by set (-want +got):\n%s", diff)
	}
	for _, prefix := range []string{"error_logs_full_", "error_logs_analysis_", "llm_analysis_", "query_params_"} {
		if n := len(names(t, dir, prefix)); n != periods {
			t.Errorf("%d files %s*, want %d", n, prefix, periods)
		}
	}
	if left := slices.DeleteFunc(names(t, dir, "."), func(path string) bool { return !strings.HasSuffix(path, ".tmp") }); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func shortAckWait(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	consumer, err := js.Consumer(t.Context(), topology.Periods, topology.ReportWriter)
	if err != nil {
		t.Fatal(err)
	}
	config := consumer.CachedInfo().Config
	config.AckWait = time.Second
	if _, err := js.UpdateConsumer(t.Context(), topology.Periods, config); err != nil {
		t.Fatal(err)
	}
}

// publishPeriod publishes period number i, a minute long, and returns the stamp of
// its files and the ids of its rows.
func publishPeriod(t *testing.T, store topology.Store, i, rows int) (stamp string, ids []string) {
	t.Helper()
	start := time.Date(2026, 11, 23, 0, i, 0, 0, time.UTC)
	rules := event.Rules{Window: event.Duration(time.Minute), Every: event.Duration(time.Minute), Zone: "UTC"}
	w := event.Window{V: event.Version, Run: event.RunLive, Epoch: store.Epoch, Start: start, End: start.Add(time.Minute), N: rows, Rules: rules}
	for row := range rows {
		id := fmt.Sprintf("req-%d-%d", i, row)
		f := &event.Failure{
			V: event.Version, Committed: start, Started: start, Model: "m", Key: "k", Provider: "p", Class: event.ClassTimeout, Fingerprint: "f1-1",
			Row: json.RawMessage(`{"request_id":"` + id + `"}`),
		}
		data, err := event.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		m := &nats.Msg{Subject: topology.FailureSubject(f.Class), Header: nats.Header{}, Data: data}
		topology.WriteHeader(m.Header, event.Header{Time: start, Live: true})
		ack, err := store.JetStream.PublishMsg(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if row == 0 {
			w.Lo = ack.Sequence
		}
		w.Hi = ack.Sequence
		ids = append(ids, id)
	}
	p := event.Period{V: event.Version, Run: w.Run, Epoch: w.Epoch, Start: w.Start, End: w.End, Lo: w.Lo, Hi: w.Hi, N: rows, First: start, Last: start, Rules: rules}
	for subject, v := range map[string]any{
		topology.WindowsSubject(w.Run, w.Epoch):         &w,
		topology.AnalysisSubject(w.Run, w.Epoch, start): &event.Analysis{V: event.Version, Window: w, Scanned: rows},
	} {
		publish(t, store, subject, v)
	}
	publish(t, store, topology.PeriodsSubject(w.Run, w.Epoch), &p)
	return start.Format("150405"), ids
}

func publish(t *testing.T, store topology.Store, subject string, v any) {
	t.Helper()
	data, err := event.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.JetStream.Publish(t.Context(), subject, data); err != nil {
		t.Fatal(err)
	}
}

func startChild(t *testing.T, url, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childVariable+"="+url, childDir+"="+dir)
	child.Stderr = t.Output()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}

// names lists files below dir whose names begin with prefix.
func names(t *testing.T, dir, prefix string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
