package spendlog

import (
	"strings"
	"unicode/utf8"

	"github.com/faultwire/faultwire/pkg/event"
)

// healthCheck is the team of LiteLLM's own health checks. Their rows also have it as
// api_key (hashed in later releases) and as a tag (#28808, #38391), but a key and a tag
// are the client's to choose, and nobody shall hide behind them.
const healthCheck = "litellm-internal-health-check"

// maxName is the longest model, key, provider or team of an event, in bytes: they
// become labels. The row has them whole.
const maxName = 256

// modelOf is the name that clients call.
func (l *Layout) modelOf(row []Value) string {
	for _, i := range []int{l.modelGroup, l.model} {
		if name, ok := text(row, i); ok && len(name) > 0 {
			return string(repaired(name))
		}
	}
	return event.Unknown
}

// keyOf is the key's alias, else its hash. The literal 'None' (#34996) is none, and
// so is a malformed key, which LiteLLM up to 1.83 stores as it came: whoever sent it
// is not authenticated.
func (l *Layout) keyOf(row []Value, m metadata) string {
	if alias := or(m.keyAlias); alias != "" && alias != "None" {
		return alias
	}
	if hash, ok := text(row, l.apiKey); ok && isKeyHash(string(hash)) {
		return string(hash)
	}
	if isKeyHash(or(m.key)) {
		return *m.key
	}
	return event.Unauthenticated
}

// isKeyHash reports whether s is what LiteLLM stores of a key: a SHA-256 in hex, or
// one of its own principals.
func isKeyHash(s string) bool {
	switch s {
	case "litellm_proxy_master_key", healthCheck, "litellm-cli", "litellm_internal_jobs":
		return true
	}
	s = strings.TrimPrefix(s, "hashed-jwt-")
	return len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// providerOf is who was called. Failures up to 1.83 name nobody in the column.
func (l *Layout) providerOf(row []Value, m metadata) string {
	if p, ok := text(row, l.provider); ok && len(p) > 0 {
		return string(repaired(p))
	}
	if p := or(m.llmProvider); p != "" {
		return p
	}
	model, _ := text(row, l.model)
	if prefix, _, ok := strings.Cut(string(model), "/"); ok && isProvider(prefix) {
		return prefix
	}
	return event.Unknown
}

// teamOf is the team's alias, else its id, else "".
func (l *Layout) teamOf(row []Value, m metadata) string {
	if alias := or(m.teamAlias); alias != "" {
		return alias
	}
	if id, ok := text(row, l.teamID); ok && len(id) > 0 {
		return string(repaired(id))
	}
	return or(m.teamID)
}

// isHealthCheck reports whether LiteLLM itself made the request.
func (l *Layout) isHealthCheck(row []Value, m metadata) bool {
	id, _ := text(row, l.teamID)
	return string(id) == healthCheck || or(m.teamID) == healthCheck
}

// isOwn reports whether Faultwire made the request: its tag is the end user, or
// among the request's tags. LiteLLM drops the end user of a request that it rejects
// before routing (a wrong key), and up to 1.83 the tags of others.
func (l *Layout) isOwn(row []Value, tag string) bool {
	if tag == "" {
		return false
	}
	if user, _ := text(row, l.endUser); string(user) == tag {
		return true
	}
	tags, _ := text(row, l.tags)
	return strings.Contains(string(tags), string(appendString(nil, []byte(tag))))
}

// clip cuts s to at most n bytes, at the start of a rune.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// holdsNothing reports whether a JSON value has no content.
func holdsNothing(value []byte) bool {
	switch string(value) {
	case "", "null", "{}", "[]", `""`, `"{}"`, `"[]"`:
		return true
	}
	return false
}
