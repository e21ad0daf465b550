package plain_test

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/plain"
)

func TestRough(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 1: "1", 999: "999", 1000: "1.0K", 1234: "1.2K", 9949: "9.9K", 9999: "10K", 96310: "96K", 999_999: "1.0M", 8_123_456: "8.1M", 3_000_000_000: "3.0B",
	} {
		if got := plain.Rough(n); got != want {
			t.Errorf("Rough(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KB", 1 << 20: "1.0 MB", 51 << 30: "51 GB", 1 << 50: "1024 TB",
	} {
		if got := plain.Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}
