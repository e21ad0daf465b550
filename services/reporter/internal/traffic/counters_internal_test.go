package traffic

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
)

var start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func requests(c *Counters) map[string]event.Rate {
	all := map[string]event.Rate{}
	for _, s := range c.Totals() {
		all[s.Model] = s.Rate
	}
	return all
}

// TestCountersNeverFall counts minutes again and again, with more names than there
// are labels, and kills the process at any time: what was shown stays, and in the end
// each minute's last count is in the sums once.
func TestCountersNeverFall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			seq     uint64
			traffic event.Traffic
		}
		last := map[time.Time]entry{} // the stream: one entry a minute
		c, err, most := New(), error(nil), rapid.IntRange(1, 50).Draw(t, "most")
		c.most = most
		var saved []byte
		seq, now := uint64(0), 0
		shown := map[string]event.Rate{}
		models := rapid.IntRange(1, 40).Draw(t, "models")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "kill") == 0 {
				var from uint64
				if c, from, err = Load(saved); err != nil {
					t.Fatal(err)
				}
				c.most = most
				for s := max(from, 1); s <= seq; s++ {
					for _, e := range last {
						if e.seq == s {
							c.Add(s, &e.traffic)
						}
					}
				}
			} else {
				now += rapid.IntRange(0, 50).Draw(t, "minutes")
				minute := start.Add(time.Duration(now-rapid.IntRange(0, min(now, 100)).Draw(t, "age")) * time.Minute)
				seq++
				e := entry{seq: seq, traffic: event.Traffic{Minute: minute}}
				before := last[minute].traffic
				for i := range models {
					rate := event.Rate{Requests: rapid.IntRange(0, 9).Draw(t, "requests")}
					if i < len(before.Models) {
						rate = rate.Plus(before.Models[i].Rate)
					}
					e.traffic.Models = append(e.traffic.Models, event.ModelRate{Model: fmt.Sprint("m", i), Rate: rate})
				}
				last[minute] = e
				c.Add(seq, &e.traffic)
			}
			data, err := c.Store()
			if err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "stores") || data == nil {
				if data != nil {
					saved = data
				}
				c.Stored()
				for model, rate := range requests(c) {
					if rate.AtLeast(shown[model]) != rate {
						t.Fatalf("%s fell from %v to %v", model, shown[model], rate)
					}
					shown[model] = rate
				}
			}
		}
		want, got := event.Rate{}, event.Rate{}
		for _, e := range last {
			want = want.Plus(e.traffic.Total())
		}
		for _, rate := range requests(c) {
			got = got.Plus(rate)
		}
		if got != want {
			t.Fatalf("counted %v, TRAFFIC holds %v", got, want)
		}
	})
}

// TestModelsAreBounded: ten thousand names are 500 labels, each a legal one.
func TestModelsAreBounded(t *testing.T) {
	t.Parallel()
	c := New()
	for i := range 50 {
		m := event.Traffic{Minute: start.Add(time.Duration(i) * time.Minute), Other: event.Rate{Requests: 7, Failed: 1}}
		for j := range event.MaxTrafficModels {
			m.Models = append(m.Models, event.ModelRate{Model: fmt.Sprintf("m\x1b\n\xff%d", i*event.MaxTrafficModels+j), Rate: event.Rate{Requests: 3, Failed: 3}})
		}
		c.Add(uint64(i+1), &m)
	}
	all, sum := requests(c), event.Rate{}
	for _, rate := range all {
		sum = sum.Plus(rate)
	}
	if len(all) > MaxModels || sum != (event.Rate{Requests: 30_350, Failed: 30_050}) {
		t.Errorf("%d labels, %v", len(all), sum)
	}
	if data, err := c.Store(); err != nil || len(data) > 200<<10 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	minutes := func(n int, failed int) map[time.Time]event.Rate {
		all := map[time.Time]event.Rate{}
		for i := range n {
			all[start.Add(time.Duration(i)*time.Minute)] = event.Rate{Requests: 100, Failed: failed}
		}
		return all
	}
	captured := func(from, to, failed int) map[int64]int {
		all := map[int64]int{}
		for i := from; i < to; i++ {
			all[start.Add(time.Duration(i)*time.Minute).Unix()] = failed
		}
		return all
	}
	newest := start.Add(179 * time.Minute)
	for name, test := range map[string]struct {
		counted  map[time.Time]event.Rate
		captured map[int64]int
		since    time.Time
		want     float64 // -1 = none
	}{
		"all":                           {minutes(180, 4), captured(0, 180, 4), time.Time{}, 1},
		"the newest are still written":  {minutes(180, 4), captured(0, 174, 4), time.Time{}, 1},
		"an hour ago is no matter":      {minutes(180, 4), captured(114, 180, 4), time.Time{}, 1},
		"a quarter of an hour missing":  {minutes(180, 4), captured(130, 180, 4), time.Time{}, 44. / 60},
		"more makes up for nothing":     {minutes(180, 4), captured(144, 180, 99), time.Time{}, 0.5},
		"no failures":                   {minutes(180, 0), map[int64]int{}, time.Time{}, 1},
		"nothing captured":              {minutes(180, 4), map[int64]int{}, time.Time{}, 0},
		"the log was not read yet":      {minutes(180, 4), nil, time.Time{}, -1},
		"what was before the log began": {minutes(180, 4), captured(160, 180, 4), start.Add(160 * time.Minute), 1},
		"the log has just begun":        {minutes(180, 4), captured(170, 180, 4), start.Add(170 * time.Minute), -1},
		"the database can't be counted": {minutes(60, 4), captured(0, 180, 4), time.Time{}, -1},
	} {
		got, ok := coverage(newest, test.counted, test.captured, test.since)
		if !ok {
			got = -1
		}
		if got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
