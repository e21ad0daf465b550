package config_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/config"
)

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]config.Bytes{
		"0": 0, "17": 17, "4GiB": 4 << 30, "512MB": 512e6, "1.5KiB": 1536, " 2 tib ": 2 << 40, "8B": 8, "1kb": 1000, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := config.ParseBytes(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "GiB", "-1", "-1GB", "4 gigs", "1e3", "0x10", "Inf", "NaN", "9223372036854775808", "8388608TiB", "99999999.5TiB", "1.2.3", "1GBGB"} {
		if got, err := config.ParseBytes(in); err == nil {
			t.Errorf("%q reads as %d", in, got)
		}
	}
}

func TestBytesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := config.Bytes(rapid.Int64Range(0, math.MaxInt64).Draw(t, "n") >> rapid.IntRange(0, 40).Draw(t, "shift"))
		if got, err := config.ParseBytes(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %s and read as %d, %v", want, want, got, err)
		}
	})
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{"300": 5 * time.Minute, "0.5": 500 * time.Millisecond, "300s": 5 * time.Minute, "1h": time.Hour} {
		s, err := load(t, "", "FAULTWIRE_LLM_TIMEOUT="+in)
		if err != nil || s.LLM.Timeout != want {
			t.Errorf("%q: %v", in, err)
		}
	}
	for _, in := range []string{"9999999999999999999", "1.2.3", ".", "5x", "0"} {
		if s, err := load(t, "", "FAULTWIRE_LLM_TIMEOUT="+in); err == nil {
			t.Errorf("%q reads as %s", in, s.LLM.Timeout)
		}
	}
}

// Every window that is allowed divides 15 minutes, and every period is made of
// whole windows.
func TestWindowAndEvery(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := config.Default()
		s.Analyzer.Window = time.Duration(rapid.IntRange(-1, 901).Draw(t, "seconds")) * time.Second
		s.Report.Every = time.Duration(rapid.IntRange(-1, 25*60).Draw(t, "minutes")) * time.Minute
		w, e := s.Analyzer.Window, s.Report.Every
		want := w > 0 && 15*time.Minute%w == 0 && e > 0 && e <= 24*time.Hour && e%w == 0
		if err := s.Validate(); (err == nil) != want {
			t.Fatalf("window %s, every %s: %v", w, e, err)
		}
	})
}
