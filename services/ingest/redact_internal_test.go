package ingest

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/faultwire/faultwire/pkg/redact"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/ingest/internal/alias"
)

// The settings reach the redactor: its own rules, names and patterns.
func TestRedactorOfSettings(t *testing.T) {
	t.Parallel()
	cfg := Default().Ingest
	cfg.RedactPatterns = []string{`corp-[0-9a-f]{8}`, `card (\d+)`}
	cfg.RedactNames = []string{"x-corp-auth"}
	r, err := newRedactor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const in, want = `{"X-Corp-Auth":"abc","a":"corp-0123abcd card 12 sk-abcd1234"}`, `{"X-Corp-Auth":"[redacted:key]","a":"[redacted:pattern] card [redacted:pattern] [redacted:key]"}`
	if got := string(r.JSON(nil, []byte(in))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRedactorWithBadPattern(t *testing.T) {
	t.Parallel()
	cfg := Default().Ingest
	cfg.RedactPatterns = []string{"fine", "x*"}
	_, err := newRedactor(cfg)
	const want = `ingest.redact_patterns: found "x*": matches the empty text: use + for * and say what a secret begins with`
	if err == nil || err.Error() != want || !IsSettings(err) || !errors.Is(err, redact.ErrEmptyMatch) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Raw rows are for those who must have them, and they are told once.
func TestRedactorOff(t *testing.T) {
	t.Parallel()
	logs, cfg := testkit.NewLogs(), Default()
	cfg.Ingest.Redact = false
	if r, err := newRedactor(cfg.Ingest); r != nil || err != nil {
		t.Fatalf("got %v, %v", r, err)
	}
	deps := Deps{Store: testkit.Store(t), Log: logs.Logger(t)}
	if _, err := newBuilder(t.Context(), cfg, deps, alias.New("public", deps.Log)); err != nil {
		t.Fatal(err)
	}
	if entries := logs.Entries(); len(entries) != 1 || entries[0].Level != slog.LevelWarn {
		t.Errorf("logged %v, want one warning", entries)
	}
}
