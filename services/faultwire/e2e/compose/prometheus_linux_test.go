package compose

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// get reads a page of a container. A failure is a reason to ask again.
func (s *stack) get(url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// query asks Prometheus for one number; no answer is -1.
func (s *stack) query(promql string) float64 {
	s.t.Helper()
	text, err := s.get(s.prometheus + "/api/v1/query?query=" + url.QueryEscape(promql))
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(text, &answer) != nil || len(answer.Data.Result) != 1 {
		return -1
	}
	n, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	if err != nil {
		return -1
	}
	return n
}

// checkRules fails the test when Prometheus can't evaluate a rule, or one fires of
// those that say that something is wrong with the pipeline.
func (s *stack) checkRules() {
	s.t.Helper()
	text, err := s.get(s.prometheus + "/api/v1/rules")
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []struct {
					Name, Health, LastError, State string
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" {
				s.t.Errorf("rule %s: %s: %s", rule.Name, rule.Health, rule.LastError)
			}
			if rule.State == "firing" && group.Name != "faultwire-failures" {
				s.t.Errorf("alert %s fires", rule.Name)
			}
		}
	}
	if n < 15 {
		s.t.Errorf("Prometheus has %d rules: has it read deploy/prometheus/rules.yml?", n)
	}
}

// checkMetrics compares what a service exports with docs/metrics.md.
func (s *stack) checkMetrics(service string, page map[string]metric, want ...string) {
	s.t.Helper()
	text, err := s.get("http://" + s.address(service) + ":9464/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (faultwire_\w+) (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
		if page[m[1]].Type != m[2] {
			s.t.Errorf("%s: %s is a %s, in docs/metrics.md it is %q", service, m[1], m[2], page[m[1]].Type)
		}
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			s.t.Errorf("%s has no %s", service, name)
		}
	}
}
