package ids_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
)

var began = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func records(hour, n int) []ids.Record {
	all := make([]ids.Record, n)
	for i := range all {
		all[i] = ids.Record{
			Seq: uint64(i + 1), Started: began.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Millisecond),
			ID: event.NewID("", fmt.Sprint(hour), fmt.Sprint(i)),
		}
	}
	return all
}

func known(t *testing.T, x *ids.Index, all []ids.Record) (n int) {
	t.Helper()
	for _, r := range all {
		yes, err := x.Known(t.Context(), r.Started, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if yes {
			n++
		}
	}
	return n
}

// TestKnown holds in memory and after a restart, over many messages and hours.
func TestKnown(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	x := ids.NewIndex(store, ids.DefaultLimit, testkit.Logger(t))
	first, second := records(0, 50_000), records(1, 3) // the first takes several messages
	if n := known(t, x, second); n != 0 {
		t.Errorf("%d known before", n)
	}
	both := append(slices.Clip(first), second...)
	if err := x.Add(t.Context(), both, 50_003); err != nil {
		t.Fatal(err)
	}
	if n := known(t, x, both); n != len(both) {
		t.Errorf("%d of %d known", n, len(both))
	}
	again := ids.NewIndex(store, ids.DefaultLimit, testkit.Logger(t))
	if n := known(t, again, both); n != len(both) {
		t.Errorf("%d of %d known after a restart", n, len(both))
	}
	if n := known(t, again, records(2, 10)); n != 0 {
		t.Errorf("%d known that never came", n)
	}
}

// TestThrough: what is not noted whole does not count as noted.
func TestThrough(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	x := ids.NewIndex(store, ids.DefaultLimit, testkit.Logger(t))
	if _, found, err := x.Through(t.Context(), 100); err != nil || found {
		t.Fatalf("an empty IDS: %v, %v", found, err)
	}
	if err := x.Add(t.Context(), records(0, 5), 5); err != nil {
		t.Fatal(err)
	}
	if err := x.Add(t.Context(), append(records(1, 2), records(2, 2)...), 9); err != nil {
		t.Fatal(err)
	}
	// A crash between the two hours of the second leaves the first message alone.
	stream, err := store.JetStream.Stream(t.Context(), topology.IDs)
	if err != nil {
		t.Fatal(err)
	}
	if seq, found, err := x.Through(t.Context(), 100); err != nil || !found || seq != 9 {
		t.Errorf("through %d, %v, %v", seq, found, err)
	}
	if err := stream.DeleteMsg(t.Context(), stream.CachedInfo().State.LastSeq); err != nil {
		t.Fatal(err)
	}
	cut, err := stream.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := cut.Header.Get("Faultwire-Through"); got != "5" {
		t.Errorf("the message before says %q, want what was noted before it", got)
	}
	if err := x.Add(t.Context(), records(3, 1), 200); err != nil {
		t.Fatal(err)
	}
	if _, found, err := x.Through(t.Context(), 100); err != nil || found {
		t.Errorf("IDS of a log that went on to 200 counts for one that ends at 100: %v, %v", found, err)
	}
}

// TestLimit: hours that aren't needed leave memory, and come back from IDS.
func TestLimit(t *testing.T) {
	t.Parallel()
	store := testkit.Store(t)
	x := ids.NewIndex(store, 1000, testkit.Logger(t))
	for hour := range 5 {
		all := records(hour, 400)
		known(t, x, all[:1]) // loads the hour
		if err := x.Add(t.Context(), all, uint64(400*(hour+1))); err != nil {
			t.Fatal(err)
		}
		if n := x.Count(); n > 1000 {
			t.Errorf("%d ids in memory", n)
		}
	}
	for hour := range 5 {
		if n := known(t, x, records(hour, 400)); n != 400 {
			t.Errorf("hour %d: %d of 400 known", hour, n)
		}
	}
	// One hour larger than all memory keeps its newer half.
	storm := records(9, 3000)
	known(t, x, storm[:1])
	if err := x.Add(t.Context(), storm, 5000); err != nil {
		t.Fatal(err)
	}
	if n := x.Count(); n > 1001 {
		t.Errorf("%d ids in memory", n)
	}
	if n := known(t, x, storm[2600:]); n != 400 {
		t.Errorf("%d of the newest 400 known", n)
	}
}
