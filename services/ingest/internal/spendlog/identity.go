package spendlog

import (
	"bytes"
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
			return beginning(name)
		}
	}
	return event.Unknown
}

// calledOf is the name that the client of a rescued request called: model_group is
// that of the fallback.
func (l *Layout) calledOf(row []Value, m metadata) string {
	if group := m.group.text; m.fellBack && group != "" {
		return group
	}
	return l.modelOf(row)
}

// keyOf is the key's alias, else the one that alias knows for its hash (attributed),
// else the hash. The literal 'None' (#34996) is none, and so is a malformed key, which
// LiteLLM up to 1.83 stores as it came: whoever sent it is not authenticated.
func (l *Layout) keyOf(row []Value, m metadata, alias func(string) (string, bool)) (key string, attributed bool) {
	if name := m.keyAlias.text; name != "" && name != "None" {
		return name, false
	}
	hash := m.key.text
	if column, _ := text(row, l.apiKey); isKeyHash(column) {
		hash = string(column)
	} else if !isKeyHash(hash) {
		return event.Unauthenticated, false
	}
	if alias != nil {
		if name, ok := alias(hash); ok && name != "" {
			return name, true
		}
	}
	return hash, false
}

// isKeyHash reports whether s is what LiteLLM stores of a key: a SHA-256 in hex, or
// one of its own principals.
func isKeyHash[T string | []byte](s T) bool {
	if len(s) > len("hashed-jwt-")+64 {
		return false
	}
	hash := string(s)
	switch hash {
	case "litellm_proxy_master_key", healthCheck, "litellm-cli", "litellm_internal_jobs":
		return true
	}
	hash = strings.TrimPrefix(hash, "hashed-jwt-")
	return len(hash) == 64 && strings.Trim(hash, "0123456789abcdefABCDEF") == ""
}

// providerOf is who was called. Failures up to 1.83 name nobody in the column.
func (l *Layout) providerOf(row []Value, m metadata) string {
	if p, ok := text(row, l.provider); ok && len(p) > 0 {
		return beginning(p)
	}
	if p := m.llmProvider.text; p != "" {
		return p
	}
	model, _ := text(row, l.model)
	if prefix, _, ok := bytes.Cut(model, []byte("/")); ok && len(prefix) <= maxName && isProvider(string(prefix)) {
		return string(prefix)
	}
	return event.Unknown
}

// teamOf is the team's alias, else its id, else "".
func (l *Layout) teamOf(row []Value, m metadata) string {
	if alias := m.teamAlias.text; alias != "" {
		return alias
	}
	if id, ok := text(row, l.teamID); ok && len(id) > 0 {
		return beginning(id)
	}
	return m.teamID.text
}

// isHealthCheck reports whether LiteLLM itself made the request.
func (l *Layout) isHealthCheck(row []Value, m metadata) bool {
	id, _ := text(row, l.teamID)
	return string(id) == healthCheck || m.teamID.text == healthCheck
}

// isOwn reports whether Faultwire made the request: its tag is the end user, among
// the request's tags, or in spend_logs_metadata. Only the last is left of a request
// that LiteLLM rejects before routing (a wrong or expired key, over budget, a model
// that the key may not call; 1.80.10 and 1.106.0): neither the end user nor any
// header is.
func (l *Layout) isOwn(row []Value, m metadata, tag string) bool {
	if tag == "" {
		return false
	}
	if user, _ := text(row, l.endUser); string(user) == tag || m.own.text == tag {
		return true
	}
	tags, _ := text(row, l.tags)
	return bytes.Contains(tags, appendString(nil, []byte(tag)))
}

// beginning returns the text of a column, of a very large one its beginning.
func beginning(b []byte) string { return valueOf(b).text }

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
