package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNear(t *testing.T) {
	t.Parallel()
	names := []event.Count{
		{Value: "gpt-4o", Failures: 90},
		{Value: "external-qwen3-30b", Failures: 41},
		{Value: "Qwen3-30B-instruct", Failures: 7},
		{Value: "gpt-4o-mini", Failures: 5},
		{Value: "gpt-4.1", Failures: 3},
		{Value: "模型-客服", Failures: 2},
		{Value: "批处理", Failures: 1},
	}
	for wanted, want := range map[string][]string{
		"qwen3-30b":        {"external-qwen3-30b", "Qwen3-30B-instruct"},
		"gpt-40":           {"gpt-4o", "gpt-4.1"},
		"gpt":              {"gpt-4o", "gpt-4o-mini", "gpt-4.1"},
		"azure/gpt-4o":     {"gpt-4o"},
		"模型":               {"模型-客服"},
		"claude-sonnet":    nil,
		"GPT-4O-MINI-2024": {"gpt-4o", "gpt-4o-mini"},
	} {
		var got []string
		for _, n := range near(wanted, names) {
			got = append(got, n.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("near(%q) (-want +got):\n%s", wanted, diff)
		}
	}
}

func TestSlips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.StringN(0, 12, 40).Draw(t, "a"), rapid.StringN(0, 12, 40).Draw(t, "b"), rapid.StringN(0, 12, 40).Draw(t, "c")
		ab, ba := slipsBetween(a, b), slipsBetween(b, a)
		if ab != ba || (ab == 0) != (a == b) || ab > max(len(a), len(b)) {
			t.Fatalf("slips between %q and %q: %d, %d", a, b, ab, ba)
		}
		if ab > slipsBetween(a, c)+slipsBetween(c, b) {
			t.Fatalf("a way over %q is shorter", c)
		}
	})
}
