package console

import "strings"

// Head is what `run` says of itself before anything happens.
type Head struct {
	Version string
	Data    string // nats.store_dir, or nats.url
	HTTP    string // address
	// Postgres is who we are where ("litellm@db/litellm"), and the server's version.
	Postgres string
	Mode     []string // how failures are read
	LLM      string   // who explains, or why nobody does
}

// Head writes it.
func (p Page) Head(h Head) {
	parts := []string{"faultwire " + h.Version, "data in " + h.Data}
	if h.HTTP != "" {
		parts = append(parts, "http://"+h.HTTP)
	}
	p.Line("%s", strings.Join(parts, " · "))
	p.Field("postgres", h.Postgres)
	p.Field("mode", h.Mode...)
	p.Field("llm", h.LLM)
}
