package compose

import (
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/faultwire/faultwire/pkg/bus"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/telemetry"
	"github.com/faultwire/faultwire/pkg/testkit"
	"github.com/faultwire/faultwire/services/analyzer"
	"github.com/faultwire/faultwire/services/ingest"
	"github.com/faultwire/faultwire/services/reporter"
)

// metric is one of ours as docs/metrics.md or the code has it.
type metric struct {
	Type   string // counter, gauge, histogram; "" = the code doesn't tell before it is scraped
	Labels string // sorted, with commas
}

// labels are the words of a text, sorted.
func labels(text string) string {
	names := regexp.MustCompile(`\w+`).FindAllString(text, -1)
	slices.Sort(names)
	return strings.Join(names, ",")
}

// described reads the tables of docs/metrics.md.
func described(t testing.TB) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	for line := range strings.Lines(file(t, "docs/metrics.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 || !strings.HasPrefix(cells[1], " `faultwire_") {
			continue
		}
		if len(cells) != 7 { // five, between bars
			t.Errorf("docs/metrics.md: %q has not five cells", line)
			continue
		}
		name := strings.Trim(cells[1], " `")
		if _, twice := all[name]; twice {
			t.Errorf("docs/metrics.md: %s is there twice", name)
		}
		all[name] = metric{Type: strings.TrimSpace(cells[2]), Labels: labels(cells[3])}
	}
	return all
}

// registrations notes what is registered, also what a scrape doesn't show yet.
type registrations struct {
	prometheus.Registerer
	mu  sync.Mutex
	all map[string]metric
}

func (r *registrations) Register(c prometheus.Collector) error {
	if err := r.Registerer.Register(c); err != nil {
		return err
	}
	r.note(c)
	return nil
}

var descFormat = regexp.MustCompile(`^Desc\{fqName: "(\w+)", help: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

func (r *registrations) note(c prometheus.Collector) {
	kind := ""
	switch c.(type) {
	case *prometheus.CounterVec:
		kind = "counter"
	case *prometheus.GaugeVec, prometheus.Gauge:
		kind = "gauge"
	case *prometheus.HistogramVec, prometheus.Histogram:
		kind = "histogram"
	case prometheus.Counter:
		kind = "counter"
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		c.Describe(descriptions)
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	for d := range descriptions {
		m := descFormat.FindStringSubmatch(d.String())
		if m == nil {
			r.all[d.String()] = metric{Type: "not understood by this test"}
			continue
		}
		if !strings.HasPrefix(m[1], "faultwire_") {
			continue
		}
		constant := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(m[2], "")
		r.all[m[1]] = metric{Type: kind, Labels: labels(constant + "," + m[3])}
	}
}

// registered makes all services and returns their metrics.
func registered(t *testing.T) map[string]metric {
	t.Helper()
	store := testkit.Store(t)
	// One registry each, as the programs have: what two services share is the same.
	all := map[string]metric{}
	each := func(make func(prometheus.Registerer) error) {
		r := &registrations{Registerer: prometheus.NewRegistry(), all: all}
		if err := make(r); err != nil {
			t.Fatal(err)
		}
	}
	log, ready := slog.New(slog.DiscardHandler), telemetry.NewReadiness()
	llm := config.Default().LLM
	llm.Enabled, llm.URL, llm.Model = true, "http://localhost:4000/v1", "m"
	each(func(r prometheus.Registerer) error {
		c := ingest.Default()
		c.Postgres.Host, c.Postgres.User, c.Postgres.Database = "localhost", "u", "d"
		_, err := ingest.New(c, ingest.Deps{Store: store, Log: log, Registerer: r, Ready: ready})
		return err
	})
	each(func(r prometheus.Registerer) error {
		c := analyzer.Default()
		c.LLM = llm
		_, err := analyzer.New(c, analyzer.Deps{Store: store, Log: log, Registerer: r, Ready: ready})
		return err
	})
	each(func(r prometheus.Registerer) error {
		c := reporter.Default()
		c.Output.Dir = t.TempDir()
		_, err := reporter.New(c, reporter.Deps{Store: store, Log: log, Registerer: r, Ready: ready})
		return err
	})
	each(func(r prometheus.Registerer) error { // made when a service runs
		_, err := bus.NewRouter(bus.RouterConfig{Log: log, Registerer: r, JetStream: store.JetStream})
		return err
	})
	// Its registry comes with its metrics in it.
	families, err := telemetry.NewRegistry("test").Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "faultwire_") {
			var names []string
			for _, pair := range family.GetMetric()[0].GetLabel() {
				names = append(names, pair.GetName())
			}
			all[family.GetName()] = metric{Type: strings.ToLower(family.GetType().String()), Labels: labels(strings.Join(names, ","))}
		}
	}
	return all
}

func TestMetricsPageIsWhatTheCodeRegisters(t *testing.T) {
	t.Parallel()
	page, code := described(t), registered(t)
	if len(code) < 20 {
		t.Fatalf("found %d metrics in the code: does this test still read it right?", len(code))
	}
	for name, m := range code {
		if m.Type == "" { // the page's, if it keeps to the naming rule
			m.Type = page[name].Type
			if strings.HasSuffix(name, "_total") != (m.Type == "counter") {
				m.Type = "not " + m.Type
			}
			code[name] = m
		}
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/metrics.md is not what the code registers (-code +page):\n%s", diff)
	}
}

func TestRulesUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	page := slices.Collect(maps.Keys(described(t)))
	for _, path := range []string{"deploy/prometheus/rules.yml", "deploy/prometheus/rules_test.yml"} {
		names := metricNames(file(t, path))
		for _, name := range names {
			if !slices.Contains(page, name) {
				t.Errorf("%s: %s is not in docs/metrics.md", path, name)
			}
		}
	}
}
