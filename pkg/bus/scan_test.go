package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/bus"
)

func TestScan(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	log := makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}, MaxMsgs: 40})
	makeStream(t, js, jetstream.StreamConfig{Name: "EMPTY", Subjects: []string{"empty"}})
	fill(t, js, 50, "log.a", "log.b") // 1..10 are discarded
	for _, seq := range []uint64{20, 21, 50} {
		if err := log.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	numbers := func(lo, hi, step uint64) (s []uint64) {
		for n := lo; n <= hi; n += step {
			if n != 20 && n != 21 && n != 50 {
				s = append(s, n)
			}
		}
		return s
	}
	for name, test := range map[string]struct {
		r    bus.Range
		want []uint64
	}{
		"all":               {bus.Range{Stream: "LOG", Hi: math.MaxUint64}, numbers(11, 49, 1)},
		"inclusive":         {bus.Range{Stream: "LOG", Lo: 15, Hi: 17}, []uint64{15, 16, 17}},
		"one":               {bus.Range{Stream: "LOG", Lo: 15, Hi: 15}, []uint64{15}},
		"starts discarded":  {bus.Range{Stream: "LOG", Lo: 3, Hi: 12}, []uint64{11, 12}},
		"wholly discarded":  {bus.Range{Stream: "LOG", Lo: 1, Hi: 10}, nil},
		"over a gap":        {bus.Range{Stream: "LOG", Lo: 19, Hi: 22}, []uint64{19, 22}},
		"ends in a gap":     {bus.Range{Stream: "LOG", Lo: 19, Hi: 20}, []uint64{19}},
		"is a gap":          {bus.Range{Stream: "LOG", Lo: 20, Hi: 21}, nil},
		"end deleted":       {bus.Range{Stream: "LOG", Lo: 48, Hi: 50}, []uint64{48, 49}},
		"beyond the last":   {bus.Range{Stream: "LOG", Lo: 49, Hi: 9999}, []uint64{49}},
		"starts beyond":     {bus.Range{Stream: "LOG", Lo: 51, Hi: 9999}, nil},
		"lo after hi":       {bus.Range{Stream: "LOG", Lo: 17, Hi: 15}, nil},
		"filter":            {bus.Range{Stream: "LOG", Filter: "log.a", Lo: 12, Hi: 18}, []uint64{13, 15, 17}},
		"filter, wildcard":  {bus.Range{Stream: "LOG", Filter: "log.*", Lo: 12, Hi: 14}, []uint64{12, 13, 14}},
		"filter, no match":  {bus.Range{Stream: "LOG", Filter: "log.c", Lo: 1, Hi: 50}, nil},
		"filter, last none": {bus.Range{Stream: "LOG", Filter: "log.b", Lo: 47, Hi: 50}, []uint64{48}},
		"empty stream":      {bus.Range{Stream: "EMPTY", Lo: 1, Hi: 10}, nil},
	} {
		for _, test.r.HeadersOnly = range []bool{false, true} {
			began := time.Now()
			if diff := cmp.Diff(test.want, seqs(t, t.Context(), js, test.r)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if took := time.Since(began); took > 900*time.Millisecond {
				t.Errorf("%s: took %s, it waited for something", name, took)
			}
		}
	}
}

func TestScanGivesWholeEntries(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	before := time.Now()
	fill(t, js, 2, "log.a", "log.b")
	for _, headersOnly := range []bool{false, true} {
		var got []bus.Entry
		for e, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "LOG", Hi: 2, HeadersOnly: headersOnly}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if len(got) != 2 {
			t.Fatalf("%d entries", len(got))
		}
		e := got[1]
		body := "2"
		if headersOnly {
			body = ""
		}
		if e.Stream != "LOG" || e.Seq != 2 || e.Subject != "log.b" || e.Header.Get("Number") != "2" || string(e.Data) != body {
			t.Errorf("headers only %t: %+v", headersOnly, e)
		}
		if e.Stored.Before(before.Add(-time.Second)) || time.Since(e.Stored) > time.Minute || e.Stored.Location() != time.UTC {
			t.Errorf("stored %v", e.Stored)
		}
	}
}

// Whatever is deleted and whatever is asked for, a scan gives what is there.
func TestScanAgainstModel(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	const last = 2500
	log := makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, last, "log.a", "log.b", "log.c")
	deleted := map[uint64]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		for _, seq := range rapid.SliceOfN(rapid.Uint64Range(1, last), 0, 20).Draw(rt, "delete") {
			if deleted[seq] {
				continue
			}
			if err := log.DeleteMsg(t.Context(), seq); err != nil {
				rt.Fatal(err)
			}
			deleted[seq] = true
		}
		r := bus.Range{
			Stream: "LOG", Filter: rapid.SampledFrom([]string{"", "log.a", "log.b", "log.c", "log.>"}).Draw(rt, "filter"),
			Lo: rapid.Uint64Range(0, last+10).Draw(rt, "lo"), Hi: rapid.Uint64Range(0, last+10).Draw(rt, "hi"),
			HeadersOnly: rapid.Bool().Draw(rt, "headersOnly"),
		}
		var want []uint64
		for seq := max(r.Lo, 1); seq <= min(r.Hi, last); seq++ {
			subject := []string{"log.c", "log.a", "log.b"}[seq%3]
			if !deleted[seq] && (r.Filter == "" || r.Filter == "log.>" || r.Filter == subject) {
				want = append(want, seq)
			}
		}
		if diff := cmp.Diff(want, seqs(t, t.Context(), js, r)); diff != "" {
			rt.Fatalf("%+v: %s", r, diff)
		}
	})
}

// What is published while a scan runs is not its business, wherever Hi is.
func TestScanEndsAtTheLastOfItsStart(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 3000, "log.a", "log.b")
	n := 0
	for e, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "LOG", Filter: "log.a", Hi: math.MaxUint64}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%100 == 0 {
			fill(t, js, 10, "log.a")
		}
		if e.Seq > 3000 {
			t.Fatalf("entry %d was published after the start", e.Seq)
		}
	}
	if n != 1500 {
		t.Errorf("%d entries, want 1500", n)
	}
}

// A purge takes away what the server has announced.
func TestScanDuringPurge(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	log := makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 20_000, "log.a")
	began, n := time.Now(), 0
	for e, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "LOG", Hi: 20_000}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 100 {
			if err := log.Purge(t.Context(), jetstream.WithPurgeSequence(19_000)); err != nil {
				t.Fatal(err)
			}
		}
		if n > 1 && e.Seq > 19_000 && e.Seq%500 == 0 {
			if err := log.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 100 || n > 5000 {
		t.Errorf("%d entries", n)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestScanLargeEntries(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	body := make([]byte, 7<<20)
	for range 4 {
		if _, err := js.Publish(t.Context(), "log.a", body); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]uint64{1, 2, 3, 4}, seqs(t, t.Context(), js, bus.Range{Stream: "LOG", Hi: 9})); diff != "" {
		t.Error(diff)
	}
}

func TestScanErrors(t *testing.T) {
	t.Parallel()
	js := connect(t, start(t))
	log := makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	fill(t, js, 3000, "log.a")

	for _, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "NONE", Hi: 5}) {
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("no stream: %v", err)
		}
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("enough")
	var last error
	n := 0
	for _, last = range bus.Scan(ctx, js, bus.Range{Stream: "LOG", Hi: 3000}) {
		if n++; n == 10 {
			cancel(reason)
		}
	}
	if !errors.Is(last, reason) {
		t.Errorf("cut short after %d: %v, want the cause; without it the scan looks complete", n, last)
	}

	for _, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "LOG", Hi: 3000}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if names := consumerNames(t, log); len(names) != 0 {
		t.Errorf("consumers left behind: %v", names)
	}
}

func consumerNames(t *testing.T, s jetstream.Stream) []string {
	t.Helper()
	lister := s.ConsumerNames(t.Context())
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestScanThroughRestart(t *testing.T) {
	t.Parallel()
	r := newRestartable(t)
	js := newJetStream(t, r.connect())
	makeStream(t, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}})
	const last = 5000
	fill(t, js, last, "log.a")
	var got []uint64
	for e, err := range bus.Scan(t.Context(), js, bus.Range{Stream: "LOG", Hi: last}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Seq); len(got)%1500 == 0 {
			r.stop()
			r.start()
		}
	}
	want := make([]uint64, last)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	if !slices.Equal(want, got) {
		t.Errorf("%d entries, want %d in order", len(got), last)
	}
}

// BenchmarkScan reads 100,000 entries of 1 KB; the other way is one request for each.
func BenchmarkScan(b *testing.B) {
	js := connect(b, start(b))
	log := makeStream(b, js, jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log.>"}, Compression: jetstream.S2Compression})
	const entries = 100_000
	body := make([]byte, 1024)
	for i := range body {
		body[i] = byte('a' + i*i%23)
	}
	for range entries {
		if _, err := js.PublishAsync("log.a", body, jetstream.WithStallWait(30*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	for _, headersOnly := range []bool{false, true} {
		b.Run(fmt.Sprintf("scan/headersOnly=%t", headersOnly), func(b *testing.B) {
			for b.Loop() {
				if n := len(seqs(b, b.Context(), js, bus.Range{Stream: "LOG", Hi: entries, HeadersOnly: headersOnly})); n != entries {
					b.Fatalf("%d entries", n)
				}
			}
			b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
	b.Run("getmsg", func(b *testing.B) {
		n := uint64(0)
		for b.Loop() {
			if _, err := log.GetMsg(b.Context(), n%entries+1); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
	})
}
