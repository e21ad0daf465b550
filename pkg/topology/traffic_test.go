package topology_test

import (
	"testing"
	"time"

	"github.com/faultwire/faultwire/pkg/topology"
)

func TestTrafficSubjects(t *testing.T) {
	t.Parallel()
	minute := time.Date(2026, 11, 23, 7, 9, 59, 0, time.FixedZone("x", 5*3600))
	for got, want := range map[string]string{
		topology.TrafficSubject(minute): "traffic.2026112302.09",
		topology.TrafficHour(minute):    "traffic.2026112302.*",
		topology.RequestsKey("E.1"):     "requests.E_2e1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
