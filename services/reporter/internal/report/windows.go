package report

import (
	"context"
	"time"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// mark is where the windows of the last live period begin in their chain, so that
// the next one's are not looked for in all of it.
type mark struct {
	start time.Time
	seq   uint64
}

// windowsOf reads the windows of a period from their chain, oldest first.
func (w *Writer) windowsOf(ctx context.Context, p *event.Period) ([]event.Window, error) {
	subject := topology.WindowsSubject(p.Run, p.Epoch)
	last, found, err := bus.Last(ctx, w.store.JetStream, topology.Windows, subject)
	if err != nil || !found {
		return nil, err
	}
	var windows []event.Window
	r := bus.Range{Stream: topology.Windows, Filter: subject, Lo: w.begin(p), Hi: last.Seq}
	for entry, err := range bus.Scan(ctx, w.store.JetStream, r) {
		if err != nil {
			return nil, err
		}
		window, err := event.Decode[event.Window](entry.Data)
		if err != nil {
			return nil, err
		}
		if window.Start.After(p.Last) {
			break
		}
		if window.Start.Before(p.First) {
			continue
		}
		if len(windows) == 0 {
			w.remember(p, mark{start: window.Start, seq: entry.Seq})
		}
		windows = append(windows, window)
	}
	return windows, nil
}

// begin is a sequence that no window of p comes before.
func (w *Writer) begin(p *event.Period) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Run != event.RunLive || p.First.Before(w.mark.start) {
		return 0
	}
	return w.mark.seq
}

func (w *Writer) remember(p *event.Period, m mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Run == event.RunLive && m.start.After(w.mark.start) {
		w.mark = m
	}
}
