package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/pkg/testkit"
)

// scrape reads /metrics; an error is one of the connection.
func scrape(addr string) (string, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	return string(text), err
}

func families(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// metric is the sum of a metric over its labels, 0 when it isn't there.
func metric(t testing.TB, addr, name string) (sum float64) {
	t.Helper()
	text, err := scrape(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families(t, text)[name].GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}

// published is how many failures are in the log, since this process started.
func published(t testing.TB, addr string) float64 {
	t.Helper()
	return metric(t, addr, "faultwire_ingest_published_total")
}

// TestMetrics: a failure is on /metrics within 2 s of its commit, under the names
// and labels that dashboards use, and promtool has nothing to say.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.follow()
	addr := p.expect(patience, `http://(\S+)`)
	rows := recent(t)
	if err := sample.Insert(t.Context(), s.conn, append(rows, hostile(t, rows)...)); err != nil {
		t.Fatal(err)
	}
	committed := time.Now()
	want := float64(len(s.failed()))
	testkit.Eventually(t, patience, fmt.Sprintf("%v failures on /metrics", want), func() bool {
		return metric(t, addr, "faultwire_failures_total") == want
	})
	t.Logf("on /metrics within %s", time.Since(committed).Round(time.Millisecond))
	s.reported(patience)
	text, err := scrape(addr)
	if err != nil {
		t.Fatal(err)
	}
	all := families(t, text)
	for name, labels := range map[string][]string{
		"faultwire_failures_total":                        {"class", "model", "provider"},
		"faultwire_ingest_lag_seconds":                    nil,
		"faultwire_report_last_success_timestamp_seconds": nil,
		"faultwire_build_info":                            {"goversion", "revision", "version"},
		"faultwire_slot_retained_bytes":                   nil,
		"faultwire_reports_total":                         {"outcome"},
	} {
		family := all[name]
		if family == nil || family.GetHelp() == "" {
			t.Errorf("%s is missing, or has no help", name)
			continue
		}
		var got []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			got = append(got, label.GetName())
		}
		equal(t, "labels of "+name, labels, got)
	}
	if at := all["faultwire_report_last_success_timestamp_seconds"].GetMetric()[0].GetGauge().GetValue(); time.Since(time.UnixMilli(int64(1000*at))) > patience {
		t.Errorf("last report at %v", at)
	}
	lint(t, text)
}

// lint asks promtool, or the library it is made of where it isn't built.
func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		t.Log("PROMTOOL is not set (make test sets it): promlint alone looked")
		return
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
