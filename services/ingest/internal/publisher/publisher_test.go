package publisher_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/pkg/topology"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
	"github.com/faultwire/faultwire/services/ingest/internal/ids"
	"github.com/faultwire/faultwire/services/ingest/internal/publisher"
)

const wait = 30 * time.Second

// meter counts, and tells when something was counted.
type meter struct {
	mu                             sync.Mutex
	published, duplicates, retries int
	watermark                      time.Time
}

func (m *meter) Published(*feed.Entry) { m.mu.Lock(); defer m.mu.Unlock(); m.published++ }
func (m *meter) Duplicates(n int)      { m.mu.Lock(); defer m.mu.Unlock(); m.duplicates += n }
func (m *meter) Retried()              { m.mu.Lock(); defer m.mu.Unlock(); m.retries++ }
func (m *meter) Watermark(t time.Time) { m.mu.Lock(); defer m.mu.Unlock(); m.watermark = t }

func (m *meter) counts() (published, duplicates int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.published, m.duplicates
}

// start runs a publisher on a broker's streams until stop.
func start(t *testing.T, js jetstream.JetStream) (q *feed.Queue, m *meter, p *publisher.Publisher, stop func()) {
	t.Helper()
	q, m = feed.NewQueue(), &meter{}
	p = publisher.New(js, q, ids.NewIndex(topology.Store{JetStream: js, Epoch: "e1"}, ids.DefaultLimit, testkit.Logger(t)), m, testkit.Logger(t))
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return q, m, p, stop
}

var began = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// failure makes entry number row of the transaction that committed at lsn.
func failure(t *testing.T, lsn event.LSN, row int) feed.Entry {
	t.Helper()
	f := event.Failure{
		V: 1, ID: event.NewID(event.SourceSpendLogs, fmt.Sprintf("%d-%d", lsn, row), ""), Class: event.ClassQuota,
		Position: event.Position{System: "1", Timeline: 1, Commit: lsn, Row: row},
		Started:  began.Add(time.Duration(row%3) * time.Hour), Committed: began.Add(time.Duration(lsn) * time.Second),
	}
	data, err := event.Encode(&f)
	if err != nil {
		t.Fatal(err)
	}
	return feed.Entry{
		Subject: topology.FailureSubject(f.Class), Data: data, Started: f.Started,
		Header: event.Header{Position: f.Position, Time: f.Committed, ID: f.ID, Live: true},
	}
}

// push gives a transaction of n failures from row first on; whole ends it.
func push(t *testing.T, q *feed.Queue, flight *feed.Flight, lsn event.LSN, first, n int, whole bool) {
	t.Helper()
	put := func(e feed.Entry) {
		e.Flight = flight
		for !q.Push(e) {
			select {
			case <-q.Room():
			case <-t.Context().Done():
				t.Fatal("the queue stays full")
			}
		}
	}
	for row := first; row < first+n; row++ {
		put(failure(t, lsn, row))
	}
	if whole {
		put(feed.Entry{Confirm: lsn + 1})
	}
}

// logged reads the positions in the log, in order.
func logged(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	var all []string
	for e, err := range bus.Scan(t.Context(), js, bus.Range{Stream: topology.Failures, Hi: ^uint64(0), HeadersOnly: true}) {
		if err != nil {
			t.Fatal(err)
		}
		h, err := topology.ReadHeader(e.Header)
		if err != nil {
			t.Fatal(err)
		}
		if h.Live {
			all = append(all, h.Position.String())
		}
	}
	return all
}

func positions(lsns map[event.LSN]int) []string {
	var all []string
	for lsn := event.LSN(1); len(lsns) > 0; lsn++ {
		for row := range lsns[lsn] {
			all = append(all, event.Position{System: "1", Timeline: 1, Commit: lsn, Row: row + 1}.String())
		}
		delete(lsns, lsn)
	}
	return all
}

// landed waits until a flight is idle.
func landed(t *testing.T, q *feed.Queue, flight *feed.Flight) {
	t.Helper()
	const last = 1 << 60
	put := feed.Entry{Flight: flight, Confirm: max(last, flight.Confirmed()) + 1}
	if err := q.Put(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if !testkit.Eventually(t, wait, "all entries are durable", func() bool { return flight.Confirmed() == put.Confirm }) {
		t.FailNow()
	}
}

func TestLand(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	q, m, p, stop := start(t, js)
	flight := &feed.Flight{}
	push(t, q, flight, 1, 1, 3, true)
	push(t, q, flight, 2, 1, 2500, true) // three batches, two of them inside the transaction
	testkit.Eventually(t, wait, "the end of transaction 2 is confirmed", func() bool { return flight.Confirmed() == 3 })
	push(t, q, flight, 3, 1, 2, false) // its end has not come yet
	testkit.Eventually(t, wait, "its rows are durable", func() bool { return p.Tail().Position.Commit == 3 && p.Tail().Position.Row == 2 })
	if diff := cmp.Diff(positions(map[event.LSN]int{1: 3, 2: 2500, 3: 2}), logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if got := flight.Confirmed(); got != 3 {
		t.Errorf("confirmed %d, want the end of transaction 2", got)
	}
	if published, duplicates := m.counts(); published != 2505 || duplicates != 0 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
	stop()
	if tail := p.Tail(); tail.Position.Commit != 3 || tail.Position.Row != 2 {
		t.Errorf("tail %+v", tail)
	}
}

// TestResent: after a restart the server sends again what it wasn't told to be
// safe, here from the middle of what is in the log.
func TestResent(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	q, _, _, stop := start(t, js)
	flight := &feed.Flight{}
	push(t, q, flight, 1, 1, 10, true)
	push(t, q, flight, 2, 1, 1500, false)
	landed(t, q, flight)
	stop()

	q, m, p, _ := start(t, js)
	if tail := p.Tail(); !tail.Known || tail.Position.Row != 1500 || tail.Position.Commit != 2 {
		t.Fatalf("tail %+v", tail)
	}
	flight = &feed.Flight{}
	push(t, q, flight, 2, 1, 3000, true)
	landed(t, q, flight)
	if diff := cmp.Diff(positions(map[event.LSN]int{1: 10, 2: 3000}), logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if published, duplicates := m.counts(); published != 1500 || duplicates != 1500 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
}

// TestOtherHistory: after a failover positions mean nothing; ids tell what is new.
func TestOtherHistory(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*feed.Entry, *feed.Flight){
		"timeline": func(e *feed.Entry, _ *feed.Flight) { e.Header.Position.Timeline = 2 },
		"rewound":  func(_ *feed.Entry, f *feed.Flight) { f.Rewound = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := testkit.Store(t).JetStream
			q, _, _, stop := start(t, js)
			flight := &feed.Flight{}
			push(t, q, flight, 50, 1, 40, true)
			landed(t, q, flight)
			stop()

			q, m, _, _ := start(t, js)
			flight = &feed.Flight{}
			for row := 31; row <= 60; row++ { // ten of them known
				e := failure(t, 50, row)
				e.Header.Position.Commit, e.Flight = 7, flight // lower than the log's end
				change(&e, flight)
				q.Push(e)
			}
			landed(t, q, flight)
			if published, duplicates := m.counts(); published != 20 || duplicates != 10 {
				t.Errorf("%d published, %d duplicates", published, duplicates)
			}
			if n := len(logged(t, js)); n != 60 {
				t.Errorf("%d failures in the log", n)
			}
		})
	}
}

// TestUnindexed: ids of entries that were stored, but not noted before a crash,
// are noted at the next start.
func TestUnindexed(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	q, _, _, stop := start(t, js)
	flight := &feed.Flight{}
	push(t, q, flight, 1, 1, 10, true)
	landed(t, q, flight)
	stop()
	// What the crash left: entries 11 to 15 in the log, not in IDS.
	for row := 11; row <= 15; row++ {
		e := failure(t, 1, row)
		put(t, js, e)
	}
	q, m, _, _ := start(t, js)
	flight = &feed.Flight{}
	for row := 1; row <= 20; row++ {
		e := failure(t, 1, row)
		e.Header.Position.System, e.Flight = "another", flight // ids alone decide
		q.Push(e)
	}
	landed(t, q, flight)
	if published, duplicates := m.counts(); published != 5 || duplicates != 15 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
}

// TestSecondWriter: who loses its place reads the end of the log again and leaves
// out what the other has written.
func TestSecondWriter(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	qa, ma, _, _ := start(t, js)
	qb, mb, _, _ := start(t, js)
	flightA, flightB := &feed.Flight{}, &feed.Flight{}
	push(t, qa, flightA, 1, 1, 100, true)
	landed(t, qa, flightA)
	push(t, qb, flightB, 1, 1, 150, true) // b believes that the log is empty
	landed(t, qb, flightB)
	push(t, qa, flightA, 1, 1, 150, true)
	push(t, qa, flightA, 2, 1, 10, true)
	landed(t, qa, flightA)
	if diff := cmp.Diff(positions(map[event.LSN]int{1: 150, 2: 10}), logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if published, duplicates := mb.counts(); published+duplicates != 150 {
		t.Errorf("b: %d published, %d duplicates", published, duplicates)
	}
	if published, duplicates := ma.counts(); published+duplicates != 100+150+10 {
		t.Errorf("a: %d published, %d duplicates", published, duplicates)
	}
}

// TestTwiceInOneBatch: the same row twice, as after a change of the slot.
func TestTwiceInOneBatch(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	q, m, _, _ := start(t, js)
	flight := &feed.Flight{}
	for _, lsn := range []event.LSN{1, 2} {
		e := failure(t, 1, 1)
		e.Header.Position.Commit, e.Flight = lsn, flight
		q.Push(e)
	}
	q.Push(feed.Entry{Confirm: 3, Flight: flight})
	landed(t, q, flight)
	if published, duplicates := m.counts(); published != 1 || duplicates != 1 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
}

// TestPurged: the server takes a message for a duplicate within its window, though
// somebody purged it. It must not hold up the rest.
func TestPurged(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	e := failure(t, 1, 2)
	stream, err := js.Stream(t.Context(), topology.Failures)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Duplicates = time.Minute
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	put(t, js, e)
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, m, _, _ := start(t, js)
	flight := &feed.Flight{}
	push(t, q, flight, 1, 1, 4, true)
	landed(t, q, flight)
	if published, duplicates := m.counts(); published+duplicates != 4 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
	want := []string{"1,1,0/1,1", "1,1,0/1,3", "1,1,0/1,4"}
	if diff := cmp.Diff(want, logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func put(t *testing.T, js jetstream.JetStream, e feed.Entry) {
	t.Helper()
	if _, err := js.PublishMsg(t.Context(), publisher.Message(&e)); err != nil {
		t.Fatal(err)
	}
}

// TestHeartbeats come in order with the rows and never move the log's end back.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	q, m, p, _ := start(t, js)
	flight := &feed.Flight{}
	beat := func(lsn event.LSN, at time.Time) {
		pos := event.Position{System: "1", Timeline: 1, Commit: lsn}
		data, err := event.Encode(&event.Heartbeat{V: 1, Watermark: at, Position: pos})
		if err != nil {
			t.Fatal(err)
		}
		q.Push(feed.Entry{Subject: topology.HeartbeatSubject, Data: data, Header: event.Header{Position: pos, Time: at}, Flight: flight})
	}
	push(t, q, flight, 10, 1, 2, true)
	landed(t, q, flight)
	beat(9, began.Add(time.Minute)) // of a session before
	landed(t, q, flight)
	if last, found, err := bus.Last(t.Context(), js, topology.Failures, topology.HeartbeatSubject); err != nil || found {
		t.Errorf("a late heartbeat is in the log: %+v, %v", last, err)
	}
	for range 2 { // nothing was committed in between
		beat(20, began.Add(2*time.Minute))
		landed(t, q, flight)
	}
	if tail := p.Tail(); tail.Position.Commit != 20 || !tail.Time.Equal(began.Add(2*time.Minute)) {
		t.Errorf("tail %+v", tail)
	}
	last, _, err := bus.Last(t.Context(), js, topology.Failures, topology.HeartbeatSubject)
	if err != nil {
		t.Fatal(err)
	}
	h, err := event.Decode[event.Heartbeat](last.Data)
	if err != nil || last.Seq != 4 || !h.Watermark.Equal(began.Add(2*time.Minute)) {
		t.Errorf("heartbeat %+v, %v", h, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.published != 2 || m.duplicates != 0 {
		t.Errorf("%d published, %d duplicates", m.published, m.duplicates)
	}
}

// TestKills ends the publisher again and again, anywhere, and lets the server send
// again from the last confirmed position: every row is in the log once.
func TestKills(t *testing.T) {
	t.Parallel()
	js := testkit.Store(t).JetStream
	const transactions = 12
	want := map[event.LSN]int{}
	sizes := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for lsn := event.LSN(1); lsn <= transactions; lsn++ {
		want[lsn] = 1 + sizes.IntN(900)
	}
	confirmed := event.LSN(0)
	for round := 0; confirmed <= transactions; round++ {
		q, m, _, stop := start(t, js)
		flight := &feed.Flight{}
		goal := 1 + sizes.IntN(1200) // entries until the kill
		sent := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(sent)
			for lsn := max(confirmed, 1); lsn <= transactions; lsn++ {
				for row := 1; row <= want[lsn]; row++ {
					e := failure(t, lsn, row)
					e.Flight = flight
					if !offer(ctx, q, e) {
						return
					}
				}
				if !offer(ctx, q, feed.Entry{Confirm: lsn + 1, Flight: flight}) {
					return
				}
			}
		}()
		testkit.Eventually(t, wait, "rows are landing", func() bool {
			published, duplicates := m.counts()
			return published+duplicates >= goal || flight.Confirmed() > transactions
		})
		cancel()
		<-sent
		stop()
		confirmed = max(confirmed, flight.Confirmed())
		if round > 200 {
			t.Fatal("no progress")
		}
	}
	if diff := cmp.Diff(positions(want), logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func offer(ctx context.Context, q *feed.Queue, e feed.Entry) bool {
	for !q.Push(e) {
		select {
		case <-q.Room():
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// TestBrokerRestart stops the broker while rows come, and starts it again.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, conn := testkit.Broker(t, testkit.WithStoreDir(dir), testkit.WithListener())
	url, err := server.ClientURL()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn
	js, reopen := reconnecting(t, url, dir, server)
	if _, err := topology.Ensure(t.Context(), js, topology.Options{}); err != nil {
		t.Fatal(err)
	}
	q, m, _, _ := start(t, js)
	flight := &feed.Flight{}
	push(t, q, flight, 1, 1, 500, true)
	landed(t, q, flight)
	reopen(func() { push(t, q, flight, 2, 1, 2500, true) })
	landed(t, q, flight)
	if diff := cmp.Diff(positions(map[event.LSN]int{1: 500, 2: 2500}), logged(t, js)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if published, duplicates := m.counts(); published != 3000 || duplicates != 0 {
		t.Errorf("%d published, %d duplicates", published, duplicates)
	}
}
