package feed_test

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/services/ingest/internal/feed"
)

// TestOrder sends many entries from one goroutine to another.
func TestOrder(t *testing.T) {
	t.Parallel()
	const n = 50_000 // more than fit
	q := feed.NewQueue()
	go func() {
		for i := range n {
			for !q.Push(feed.Entry{Confirm: event.LSN(i + 1)}) {
				<-q.Room()
			}
		}
	}()
	for i := range n {
		e, ok := q.Pop()
		for ; !ok; e, ok = q.Pop() {
			<-q.Ready()
		}
		if e.Confirm != event.LSN(i+1) {
			t.Fatalf("entry %d came as number %d", e.Confirm, i+1)
		}
	}
	if _, ok := q.Pop(); ok {
		t.Error("there is one too many")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	q := feed.NewQueue()
	big := feed.Entry{Data: make([]byte, 40<<20)}
	if !q.Push(big) {
		t.Fatal("one entry always fits")
	}
	if q.Push(feed.Entry{}) {
		t.Error("4 MiB are in it and it takes more")
	}
	q.Pop()
	n := 0
	for q.Push(feed.Entry{}) {
		n++
	}
	if n != 4096 {
		t.Errorf("it took %d entries", n)
	}
}
