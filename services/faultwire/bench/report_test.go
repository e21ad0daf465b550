//go:build linux

package bench_test

import (
	"slices"
	"testing"
	"time"
)

// report prints a line for each consumer, and the metrics of ingest as it runs in
// production.
func report(b *testing.B, s *stretch, all map[string][]drain) {
	b.Helper()
	limit := all[consumers()[0].name]
	for _, c := range consumers() {
		l := s.line(all[c.name], limit)
		b.Logf("%-17s %7.0f rows/s  ratio %.2f  CPU %5.2f s/1M rows, walsender %5.2f  RSS %3.0f MB", c.name, l.rate, l.ratio, l.own, l.sender, l.peak)
		if c.name == "ingest" {
			b.ReportMetric(l.rate, "rows/s")
			b.ReportMetric(l.ratio, "ratio")
			b.ReportMetric(l.own, "cpu-s/Mrow")
			b.ReportMetric(l.sender, "walsender-cpu-s/Mrow")
			b.ReportMetric(l.peak, "MB-peak")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// line is the medians of a consumer's rounds.
type line struct {
	rate, ratio float64
	own, sender float64 // CPU seconds for a million rows of the table
	peak        float64 // MB
}

func (s *stretch) line(drains, limit []drain) line {
	var l line
	perMillion := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(s.rows) }
	l.rate = median(drains, func(_ int, d drain) float64 { return float64(s.rows) / d.took.Seconds() })
	l.ratio = median(drains, func(i int, d drain) float64 { return limit[i].took.Seconds() / d.took.Seconds() })
	l.own = median(drains, func(_ int, d drain) float64 { return perMillion(d.own) })
	l.sender = median(drains, func(_ int, d drain) float64 { return perMillion(d.sender) })
	l.peak = median(drains, func(_ int, d drain) float64 { return float64(d.peak) / (1 << 20) })
	return l
}

func median(drains []drain, of func(int, drain) float64) float64 {
	values := make([]float64, len(drains))
	for i, d := range drains {
		values[i] = of(i, d)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
