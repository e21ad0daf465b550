package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

// TestRate: text, query_params and outcome say how many requests failed of how many
// when TRAFFIC covers the period, and of the hour before.
func TestRate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i := range 120 {
		minute := start.Add(time.Duration(i-60) * time.Minute)
		failed := 1 + i/60
		data, err := event.Encode(&event.Traffic{
			V: event.Version, Minute: minute, Counted: minute.Add(2 * time.Minute),
			Models: []event.ModelRate{{Model: "gpt-4o", Rate: event.Rate{Requests: 100, Failed: failed}}, {Model: "\x1b", Rate: event.Rate{Requests: 10}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.JetStream.Publish(t.Context(), topology.TrafficSubject(minute), data); err != nil {
			t.Fatal(err)
		}
	}
	p := s.live(start).window(start, failures(3, 0, start.Add(time.Second), kindA)...).analyse().close()
	defer s.run()()
	o := s.outcome(event.RunLive, p.report())
	if diff := cmp.Diff(&event.Rate{Requests: 6600, Failed: 120}, o.Rate); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	for file, want := range map[string]string{
		"llm_analysis_100000.txt": "\n120 of the 6,600 requests that began in this hour failed (1.82 %, previous hour 0.91 %).\nBy model: gpt-4o 2.00 % of 6,000\n",
		"query_params_100000.json": `"requests": 6600,
    "requests_failed": 120,`,
	} {
		if got := s.read("2026-11-23/" + file); !strings.Contains(got, want) {
			t.Errorf("%s doesn't say %q:\n%s", file, want, got)
		}
	}
}
