// Package traffic knows how many requests there were: it counts what TRAFFIC says of
// each minute, compares the failed ones with what the log holds, and tells the rate
// of a period.
package traffic

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/plain"
)

const (
	// MaxModels bounds the models that have counters of their own; what comes later
	// is counted under "other".
	MaxModels = 500
	// openFor is how long minutes are kept apart: longer than ingest counts them anew.
	openFor = 3 * time.Hour

	other = "other"
)

// Counters are a function of TRAFFIC: for each minute its last count holds. The
// minutes that may be counted again are kept apart, and are read again after a
// restart; of those before, and of the models that have counters, the sums are
// stored. The zero value is not ready: see [New] and [Load].
type Counters struct {
	closed time.Time             // minutes before it are in the sums for good
	sums   map[string]event.Rate // by label, open minutes included
	open   map[time.Time]*minute
	newest time.Time // minute
	dirty  bool      // what is stored has changed
	most   int       // MaxModels
}

// minute is one that may be counted again.
type minute struct {
	seq   uint64
	rates map[string]event.Rate // by label
	total event.Rate
}

// New returns counters that have read nothing.
func New() *Counters {
	return &Counters{sums: map[string]event.Rate{}, open: map[time.Time]*minute{}, most: MaxModels}
}

// Add counts an entry, in place of what was known of its minute.
func (c *Counters) Add(seq uint64, t *event.Traffic) {
	if t.Minute.Before(c.closed) {
		return
	}
	m := c.open[t.Minute]
	if m == nil {
		m = &minute{rates: map[string]event.Rate{}}
		c.open[t.Minute] = m
	}
	rates := map[string]event.Rate{}
	if t.Other != (event.Rate{}) {
		rates[c.label(other)] = t.Other
	}
	for _, model := range t.Models {
		label := c.label(plain.Label(model.Model))
		rates[label] = rates[label].Plus(model.Rate)
	}
	m.seq, m.total = seq, t.Total()
	for label, rate := range rates {
		before := m.rates[label]
		rate = rate.AtLeast(before) // ingest sees to that; a counter must not fall
		m.rates[label] = rate
		sum := c.sums[label]
		c.sums[label] = event.Rate{Requests: sum.Requests + rate.Requests - before.Requests, Failed: sum.Failed + rate.Failed - before.Failed}
	}
	if t.Minute.After(c.newest) {
		c.newest = t.Minute
		c.close(t.Minute.Add(-openFor))
	}
}

// label is the label under which a model counts. One that counts under "other" does
// so for ever.
func (c *Counters) label(model string) string {
	if _, known := c.sums[model]; known || model == other {
		return model
	}
	if len(c.sums) >= c.most {
		return other
	}
	c.sums[model] = event.Rate{}
	c.dirty = true
	return model
}

// close gives up the minutes before a time.
func (c *Counters) close(before time.Time) {
	for at := range c.open {
		if at.Before(before) {
			delete(c.open, at)
			c.closed, c.dirty = before, true
		}
	}
}

// Series is the counters of a label.
type Series struct {
	Model string `json:"model"`
	event.Rate
}

// Totals returns all series, sorted.
func (c *Counters) Totals() []Series {
	all := make([]Series, 0, len(c.sums))
	for model, rate := range c.sums {
		all = append(all, Series{Model: model, Rate: rate})
	}
	slices.SortFunc(all, func(a, b Series) int { return cmp.Compare(a.Model, b.Model) })
	return all
}

// stored is the form in the STATE bucket.
type stored struct {
	V      int       `json:"v"`
	Closed time.Time `json:"closed"`
	From   uint64    `json:"from"` // the sequence to read on from
	Models []Series  `json:"models"`
}

// Store returns what is to be stored when it has changed since, else nil.
func (c *Counters) Store() ([]byte, error) {
	if !c.dirty {
		return nil, nil
	}
	s := stored{V: event.Version, Closed: c.closed}
	sums := maps.Clone(c.sums)
	for _, m := range c.open {
		if s.From == 0 || m.seq < s.From {
			s.From = m.seq
		}
		for label, rate := range m.rates {
			sum := sums[label]
			sums[label] = event.Rate{Requests: sum.Requests - rate.Requests, Failed: sum.Failed - rate.Failed}
		}
	}
	s.Models = (&Counters{sums: sums}).Totals()
	return event.Encode(&s)
}

// Stored notes that what [Counters.Store] returned last is stored.
func (c *Counters) Stored() { c.dirty = false }

// Load reads what [Counters.Store] wrote, nil for nothing, and says where to read on.
func Load(data []byte) (c *Counters, from uint64, err error) {
	c = New()
	if data == nil {
		return c, 0, nil
	}
	s, err := event.Decode[stored](data)
	if err != nil {
		return nil, 0, fmt.Errorf("read the counters of requests: %w", err)
	}
	for _, series := range s.Models {
		c.sums[series.Model] = series.Rate
	}
	c.closed = s.Closed
	return c, s.From, nil
}
