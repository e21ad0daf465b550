package topology_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/topology"
)

var legal = regexp.MustCompile(`^[A-Za-z0-9_-]{1,96}$`)

func TestToken(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                "_",
		"gpt-4o":          "gpt-4o",
		"a_b":             "a_5fb",
		"a.b*>":           "a_2eb_2a_3e",
		"模型":              "_e6_a8_a1_e5_9e_8b",
		" \t\r\n":         "_20_09_0d_0a",
		"../../etc/p":     "_2e_2e_2f_2e_2e_2fetc_2fp",
		"\x00\xff":        "_00_ff",
		"f1-3c9e5a771122": "f1-3c9e5a771122",
	} {
		if got := topology.Token(in); got != want {
			t.Errorf("Token(%q) = %q, want %q", in, got, want)
		}
	}
	long := topology.Token(strings.Repeat("a", 5000))
	if len(long) != 96 || !legal.MatchString(long) {
		t.Errorf("token of 5000 bytes: %q", long)
	}
}

func TestTokenIsInjective(t *testing.T) {
	t.Parallel()
	hostile := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringMatching(`[a_h0-9]{90,120}`))
	rapid.Check(t, func(t *rapid.T) {
		a, b := hostile.Draw(t, "a"), hostile.Draw(t, "b")
		if (a == b) != (topology.Token(a) == topology.Token(b)) {
			t.Fatalf("Token(%q) = %q, Token(%q) = %q", a, topology.Token(a), b, topology.Token(b))
		}
	})
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "_", "_h", "a.b", "*", ">", "\xff\xfe", strings.Repeat("模", 60)} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		ta, tb := topology.Token(a), topology.Token(b)
		if !legal.MatchString(ta) {
			t.Errorf("Token(%q) = %q is no legal token", a, ta)
		}
		if (a == b) != (ta == tb) {
			t.Errorf("Token(%q) = %q, Token(%q) = %q", a, ta, b, tb)
		}
	})
}

// A long text must not be able to name the token of another one by looking like
// the cut form.
func TestTokenOfCutForm(t *testing.T) {
	t.Parallel()
	cut := topology.Token(strings.Repeat("a", 200))
	if topology.Token(cut) == cut {
		t.Errorf("Token(%q) is itself", cut)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []event.Header{
		{
			Position: event.Position{System: "7398", Timeline: 1, Commit: 0x16B374D848, Row: 3},
			Time:     time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC), ID: event.NewID("SpendLogs", "r", "t"), Live: true,
		},
		{Position: event.Position{System: "7398", Timeline: 1}, Time: time.UnixMicro(0).UTC()},
	} {
		h := nats.Header{}
		topology.WriteHeader(h, want)
		got, err := topology.ReadHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if h, err := topology.ReadHeader(nats.Header{}); err == nil {
		t.Errorf("an empty header reads as %v", h)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 2, 10, 0, 0, time.UTC)
	for got, want := range map[string]string{
		topology.FailureSubject(event.ClassQuota):                        "failures.quota",
		topology.FailureSubject("quota.>"):                               "failures.unknown",
		topology.IDsSubject("e1", start.In(time.FixedZone("x", 5*3600))): "ids.e1.2026112302",
		topology.WindowsSubject("live", "E1"):                            "windows.live.E1",
		topology.PeriodsSubject("r.*", "E1"):                             "periods.r_2e_2a.E1",
		topology.AnalysisSubject("live", "E1", start):                    "analyses.live.E1.1795399800",
		topology.KindSubject("f1-3c9e", "p1-en"):                         "kinds.f1-3c9e.p1-en",
		topology.ExplanationSubject("f1-3c9e", "p1-zh"):                  "explanations.f1-3c9e.p1-zh",
		topology.ReplayEndSubject("r-1"):                                 "replays.r-1.end",
		topology.PendingKey("f1-3c9e", "p1-en"):                          "pending.f1-3c9e.p1-en",
		topology.CountersKey("E1", 3):                                    "counters.E1.3",
		topology.OutcomeKey("live"):                                      "outcome.live",
		topology.LeaseKey("explainer"):                                   "lease.explainer",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
