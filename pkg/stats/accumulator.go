// Package stats turns failures into exact statistics: batches by window, model
// and key, kinds, and the sums above them. It is pure; analyst, report writer and
// replay share it, so their numbers cannot differ.
package stats

import (
	"cmp"
	"slices"
	"time"

	"github.com/faultwire/faultwire/pkg/event"
)

// Caps of the lists inside one batch or kind; the numbers beside them count all.
const (
	MaxCounts    = 20 // models, keys, providers, codes of a kind
	MaxKinds     = 10 // kinds of a batch
	MaxExemplars = 3  // texts of a kind
)

// Accumulator adds up failures. Its memory grows with the number of batches and
// kinds, not of failures.
type Accumulator struct {
	batches map[batchKey]*batch
	kinds   map[string]*kind
	summary Summary
	models  map[string]struct{}
	keys    map[string]struct{}
	teams   map[string]struct{}
}

type batchKey struct {
	window     int64 // Unix nanoseconds
	model, key string
}

type batch struct {
	event.Batch
	kinds map[string]int
}

type kind struct {
	event.Kind
	models, keys, providers, codes map[string]int
	noise                          int // of Failures: our own calls and health checks
}

// Summary is what holds for all failures together.
type Summary struct {
	Failures     int
	Kinds        int
	Batches      int
	Models       int
	Keys         int
	Teams        int // named ones
	Own          int // our own calls
	HealthChecks int // LiteLLM's health checks
	Gap          int // read later than they were committed
	// Requests began between these times, by LiteLLM's clock; zero without failures.
	FirstStarted, LastStarted time.Time
}

// New returns an empty accumulator.
func New() *Accumulator {
	return &Accumulator{
		batches: map[batchKey]*batch{}, kinds: map[string]*kind{},
		models: map[string]struct{}{}, keys: map[string]struct{}{}, teams: map[string]struct{}{},
	}
}

// Add counts one failure of the window that starts at window.
func (a *Accumulator) Add(window time.Time, f *event.Failure) {
	a.addSummary(f)
	a.addBatch(window, f)
	a.addKind(f)
}

func (a *Accumulator) addSummary(f *event.Failure) {
	s := &a.summary
	s.Failures++
	if f.Gap {
		s.Gap++
	}
	if f.Own {
		s.Own++
	}
	if f.HealthCheck {
		s.HealthChecks++
	}
	s.FirstStarted = earliest(s.FirstStarted, f.Started)
	s.LastStarted = latest(s.LastStarted, f.Started)
	a.models[f.Model] = struct{}{}
	a.keys[f.Key] = struct{}{}
	if f.Team != "" {
		a.teams[f.Team] = struct{}{}
	}
}

func (a *Accumulator) addBatch(window time.Time, f *event.Failure) {
	key := batchKey{window.UnixNano(), f.Model, f.Key}
	b := a.batches[key]
	if b == nil {
		b = &batch{Batch: event.Batch{Window: window.UTC(), Model: f.Model, Key: f.Key}, kinds: map[string]int{}}
		a.batches[key] = b
	}
	b.Failures++
	b.First, b.Last = earliest(b.First, f.Committed), latest(b.Last, f.Committed)
	b.kinds[f.Fingerprint]++
}

func (a *Accumulator) addKind(f *event.Failure) {
	k := a.kinds[f.Fingerprint]
	if k == nil {
		k = &kind{
			Kind:   event.Kind{Fingerprint: f.Fingerprint, Class: f.Class, Title: f.Title, Check: f.Check, Template: f.Template, Exemplars: []string{}},
			models: map[string]int{}, keys: map[string]int{}, providers: map[string]int{}, codes: map[string]int{},
		}
		a.kinds[f.Fingerprint] = k
	}
	k.Failures++
	if f.Own || f.HealthCheck {
		k.noise++
	}
	k.First, k.Last = earliest(k.First, f.Committed), latest(k.Last, f.Committed)
	k.models[f.Model]++
	k.keys[f.Key]++
	k.providers[f.Provider]++
	if f.ErrorCode != "" {
		k.codes[f.ErrorCode]++
	}
	if len(k.Exemplars) < MaxExemplars && f.Text != "" && !slices.Contains(k.Exemplars, f.Text) {
		k.Exemplars = append(k.Exemplars, f.Text)
	}
}

// Total is the number of failures added.
func (a *Accumulator) Total() int { return a.summary.Failures }

// Summary returns the sums over all failures.
func (a *Accumulator) Summary() Summary {
	s := a.summary
	s.Kinds, s.Batches = len(a.kinds), len(a.batches)
	s.Models, s.Keys, s.Teams = len(a.models), len(a.keys), len(a.teams)
	return s
}

// Batches returns all batches, largest first, then by window, model and key.
func (a *Accumulator) Batches() []event.Batch {
	all := make([]event.Batch, 0, len(a.batches))
	for _, b := range a.batches {
		b.Batch.Kinds, b.KindCount = counts(b.kinds, MaxKinds)
		all = append(all, b.Batch)
	}
	slices.SortFunc(all, func(x, y event.Batch) int {
		return cmp.Or(-cmp.Compare(x.Failures, y.Failures), x.Window.Compare(y.Window), cmp.Compare(x.Model, y.Model), cmp.Compare(x.Key, y.Key))
	})
	return all
}

// Kinds returns all kinds, largest first, then by fingerprint.
func (a *Accumulator) Kinds() []event.Kind {
	all := make([]event.Kind, 0, len(a.kinds))
	for _, k := range a.kinds {
		k.Models, k.ModelCount = counts(k.models, MaxCounts)
		k.Keys, k.KeyCount = counts(k.keys, MaxCounts)
		k.Providers, k.ProviderCount = counts(k.providers, MaxCounts)
		k.Codes, k.CodeCount = counts(k.codes, MaxCounts)
		all = append(all, k.Kind)
	}
	slices.SortFunc(all, func(x, y event.Kind) int {
		return cmp.Or(-cmp.Compare(x.Failures, y.Failures), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return all
}

// Noise reports whether all failures of a kind are our own calls or health
// checks: such a kind is not explained.
func (a *Accumulator) Noise(fingerprint string) bool {
	k := a.kinds[fingerprint]
	return k != nil && k.noise == k.Failures
}

// counts sorts a map of counts, largest first, then by value, and cuts it.
func counts(m map[string]int, most int) (list []event.Count, all int) {
	list = make([]event.Count, 0, len(m))
	for value, n := range m {
		list = append(list, event.Count{Value: value, Failures: n})
	}
	slices.SortFunc(list, func(x, y event.Count) int {
		return cmp.Or(-cmp.Compare(x.Failures, y.Failures), cmp.Compare(x.Value, y.Value))
	})
	return list[:min(most, len(list))], len(list)
}

func earliest(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
