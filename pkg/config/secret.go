package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const mask = "***"

// Secret is a text that is never printed: by no verb of fmt, nor as JSON, YAML,
// text or a slog value. The empty one prints as empty.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "***", or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format implements [fmt.Formatter]: every verb prints the mask.
func (s Secret) Format(f fmt.State, _ rune) { writeMasked(f, s.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements [json.Marshaler].
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML implements the Marshaler of go.yaml.in/yaml.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// URL is the address of a server, and may hold a password: it prints without
// user, password and parameters.
type URL string

// Reveal returns the whole URL.
func (u URL) Reveal() string { return string(u) }

// String returns the URL with "***" for all that may be secret.
func (u URL) String() string {
	text := string(u)
	shown := ""
	if scheme, _, found := strings.Cut(text, "://"); found && knownScheme(scheme) {
		shown = scheme + "://"
	}
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		if strings.Contains(text[i:], "@") { // where the password ends can't be told
			return shown + mask
		}
		text = text[:i]
	}
	if at := strings.LastIndex(text, "@"); at >= 0 {
		return shown + mask + text[at:]
	}
	return text
}

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (u URL) Format(f fmt.State, _ rune) { writeMasked(f, u.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalJSON implements [json.Marshaler].
func (u URL) MarshalJSON() ([]byte, error) { return json.Marshal(u.String()) }

// MarshalYAML implements the Marshaler of go.yaml.in/yaml.
func (u URL) MarshalYAML() (any, error) { return u.String(), nil }

// LogValue implements [slog.LogValuer].
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

func writeMasked(w io.Writer, text string) {
	// The error of a fmt.State has nowhere to go; fmt's own formatters drop it too.
	_, _ = io.WriteString(w, text)
}

// knownScheme reports whether text before "://" is the name of a scheme that
// may be printed, and not a piece of something else.
func knownScheme(s string) bool {
	switch s {
	case "postgres", "postgresql", "nats", "tls", "ws", "wss", "http", "https",
		"mysql", "mariadb", "sqlite", "sqlserver", "mongodb", "mongodb+srv", "cockroachdb", "redis", "file", "prisma", "prisma+postgres", "jdbc:postgresql":
		return true
	}
	return false
}
