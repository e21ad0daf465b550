package plain_test

import (
	"testing"

	"github.com/faultwire/faultwire/pkg/plain"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n, all int
		want   string
	}{
		{1284, 96310, "1.33 %"},
		{0, 0, "0 %"},
		{0, 9, "0 %"},
		{9, 9, "100 %"},
		{1, 1_000_000, "<0.01 %"},
		{999_999, 1_000_000, ">99.99 %"},
		{1, 8, "12.50 %"},
		{9, 3, "100 %"},
	} {
		if got := plain.Percent(test.n, test.all); got != test.want {
			t.Errorf("%d of %d = %q, want %q", test.n, test.all, got, test.want)
		}
	}
}
