package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// BenchmarkPeriod is a period of 10,000 failures of 6 KB each, as LiteLLM 1.80's.
func BenchmarkPeriod(b *testing.B) {
	const rows = 10_000
	s := newScene(b)
	p := s.live(start)
	row := json.RawMessage(`{"request_id":"x","metadata":"` + strings.Repeat("traceback ", 600) + `"}`)
	all := failures(rows, 0, start, kindA)
	for _, f := range all {
		f.Row = row
	}
	p.window(start, all...).analyse()
	p.publish(topology.WindowsSubject(p.Run, p.Epoch), &p.windows[0])
	defer s.run()()
	b.ResetTimer()
	for i := range b.N {
		one := p.Period
		one.Start, one.End = start.Add(time.Duration(i)*time.Second), start.Add(time.Duration(i)*time.Second+time.Hour)
		s.publish(topology.PeriodsSubject(p.Run, p.Epoch), &one)
		s.outcome(event.RunLive, (&period{Period: one}).report())
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
