package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	program := os.Getenv("PROMTOOL")
	if program == "" {
		t.Skip("PROMTOOL is not set: make test sets it, or PROMTOOL=$(tools/get promtool)") //nolint:forbidigo // make test has it; a plain go test need not download it
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = filepath.Join(root(t), "deploy", "prometheus")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

func TestRulesAndConfigOfPrometheusAreValid(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", "rules_test.yml")
}

func TestEveryAlertIsTestedBothWays(t *testing.T) {
	t.Parallel()
	tests := file(t, "deploy/prometheus/rules_test.yml")
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(file(t, "deploy/prometheus/rules.yml"), -1)
	if len(alerts) < 10 {
		t.Fatalf("found %d alerts in rules.yml: does this test still read it right?", len(alerts))
	}
	for _, alert := range alerts {
		if !regexp.MustCompile(`alertname: ` + alert[1] + `, eval_time: \w+, exp_alerts: \[\]`).MatchString(tests) {
			t.Errorf("rules_test.yml: no case where %s doesn't fire", alert[1])
		}
		if !regexp.MustCompile(`alertname: ` + alert[1] + `\n +eval_time: \w+\n +exp_alerts:(\n| \[\{)`).MatchString(tests) {
			t.Errorf("rules_test.yml: no case where %s fires", alert[1])
		}
	}
}

// metricNames are the names of ours in a text, without those that rules record.
func metricNames(text string) []string {
	names := regexp.MustCompile(`\bfaultwire_[a-z0-9_]+`).FindAllString(text, -1)
	slices.Sort(names)
	return slices.Compact(names)
}
