package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
)

// set is one complete set of dated files: one that has a query_params.
type set struct {
	dir, stamp string

	Run    string             `json:"run"`
	Funnel []event.FunnelStep `json:"funnel"`
	Files  []string           `json:"files"`
	Result struct {
		Failures int `json:"failures"`
	} `json:"result"`
}

// sets are the complete sets of an output folder, in the order of their names.
func sets(t testing.TB, output string) (all []set) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(output, "????-??-??", "query_params_*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		stamp := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "query_params_"), ".json")
		one := set{dir: filepath.Dir(path), stamp: stamp}
		if err := json.Unmarshal(read(t, path), &one); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, one)
	}
	return all
}

// ids are the request ids of one file, in its order; kind is error_logs_full or
// error_logs_analysis.
func (s *set) ids(t testing.TB, kind string) (all []string) {
	t.Helper()
	var rows []struct {
		RequestID string `json:"request_id"`
	}
	path := filepath.Join(s.dir, kind+"_"+s.stamp+".json")
	if err := json.Unmarshal(read(t, path), &rows); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, row := range rows {
		all = append(all, row.RequestID)
	}
	return all
}

// text is the report for people.
func (s *set) text(t testing.TB) string {
	t.Helper()
	return string(read(t, filepath.Join(s.dir, "llm_analysis_"+s.stamp+".txt")))
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
