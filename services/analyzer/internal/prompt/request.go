package prompt

import (
	"unicode/utf8"

	"github.com/faultwire/faultwire/pkg/event"
)

// Caps of what log text may fill of a request and of a prompt. Texts and lists are
// short already where they are made; names are chosen by clients.
const (
	maxExemplars = 3
	maxBatches   = 20
	maxCounts    = 20
	maxText      = 2000 // bytes of a text
	maxName      = 200  // bytes of the name of a model, key, provider or code
)

// Request asks for the explanation of a kind that window w holds; batches are those
// of w that it hit, largest first. Whatever clients chose as names, it is at most
// about 60 KB of JSON.
func Request(w *event.Window, kind *event.Kind, batches []event.Batch) *event.KindRequest {
	return &event.KindRequest{
		V: event.Version, Kind: bounded(kind), Batches: boundedBatches(batches), Prompt: event.Prompt, Asked: w.End, WindowRun: w.Run,
	}
}

// bounded is a copy of k within the caps.
func bounded(k *event.Kind) event.Kind {
	b := *k
	b.Title, b.Check, b.Template = cut(k.Title, maxText), cut(k.Check, maxText), cut(k.Template, maxText)
	b.Models, b.Keys, b.Providers, b.Codes = boundedCounts(k.Models), boundedCounts(k.Keys), boundedCounts(k.Providers), boundedCounts(k.Codes)
	b.Exemplars = []string{}
	for _, text := range k.Exemplars[:min(maxExemplars, len(k.Exemplars))] {
		b.Exemplars = append(b.Exemplars, cut(text, maxText))
	}
	return b
}

func boundedCounts(list []event.Count) []event.Count {
	b := []event.Count{}
	for _, c := range list[:min(maxCounts, len(list))] {
		b = append(b, event.Count{Value: cut(c.Value, maxName), Failures: c.Failures})
	}
	return b
}

func boundedBatches(list []event.Batch) []event.Batch {
	b := []event.Batch{}
	for _, batch := range list[:min(maxBatches, len(list))] {
		batch.Model, batch.Key = cut(batch.Model, maxName), cut(batch.Key, maxName)
		b = append(b, batch)
	}
	return b
}

// cut shortens s to at most n bytes, on a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	n -= len(more)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + more
}
