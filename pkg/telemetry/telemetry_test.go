package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/faultwire/faultwire/pkg/telemetry"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	var text, lines bytes.Buffer
	telemetry.NewLogger(&text, "text", slog.LevelWarn).Info("hidden")
	telemetry.NewLogger(&text, "text", slog.LevelInfo).Info("shown", telemetry.ErrorKey, errors.New("a\nb"))
	if got := text.String(); !strings.Contains(got, `msg=shown error="a\nb"`) || strings.Contains(got, "hidden") {
		t.Errorf("text: %q", got)
	}
	telemetry.NewLogger(&lines, "json", slog.LevelInfo).Warn("shown", telemetry.ErrorKey, errors.New("broken"))
	var record struct{ Level, Msg, Error string }
	if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if record.Level != "WARN" || record.Msg != "shown" || record.Error != "broken" {
		t.Errorf("json: %s", lines.String())
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	first, second := telemetry.NewRegistry("1.2.3"), telemetry.NewRegistry("1.2.4") // two in one process
	problems, err := testutil.GatherAndLint(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := second.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "faultwire_build_info" {
			continue
		}
		labels := map[string]string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["version"] != "1.2.4" || !strings.HasPrefix(labels["goversion"], "go") || labels["revision"] == "" {
			t.Errorf("build info: %v", labels)
		}
		return
	}
	t.Error("no faultwire_build_info")
}
