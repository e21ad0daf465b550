package llm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMark: a call is marked where LiteLLM keeps it even when it rejects the call; an
// endpoint that refuses the mark is asked without.
func TestMark(t *testing.T) {
	t.Parallel()
	const (
		marked   = `{"spend_logs_metadata":{"faultwire":"faultwire-tag"}}`
		unmarked = ""
	)
	for name, test := range map[string]struct {
		refusal string // of a marked call
		status  int
		header  string
		always  bool // what is unmarked is refused too
		calls   []string
	}{
		"taken":                {calls: []string{marked, marked}},
		"OpenAI":               {`{"error": {"message": "Invalid type for 'metadata.spend_logs_metadata': expected a string, but got an object instead."}}`, 400, "", false, []string{marked, unmarked, unmarked}},
		"says little":          {`{"error": "bad request"}`, 422, "", false, []string{marked, unmarked, unmarked}},
		"something else":       {`{"error": "bad model"}`, 400, "", true, []string{marked, unmarked, marked, unmarked}},
		"LiteLLM":              {`{"error": {"message": "litellm.BadRequestError: no such model"}}`, 400, "", true, []string{marked, marked}},
		"LiteLLM's provider":   {`{"error": {"message": "no such model"}}`, 400, "x-litellm-call-id", true, []string{marked, marked}},
		"LiteLLM, over budget": {`{"error":{"message":"Budget has been exceeded! Current cost: 2, Max budget: 1","type":"budget_exceeded","param":null,"code":"400"}}`, 400, "", true, []string{marked, marked}},
		"LiteLLM, expired key": {`{"error":{"message":"Authentication Error - Expired Key.","type":"expired_key","code":"400"}}`, 400, "", true, []string{marked, marked}},
		"a wrong key":          {`{"error": {"message": "no"}}`, 401, "", true, []string{marked, marked}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var calls []string
			c, _ := serve(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
				var in struct {
					User     string          `json:"user"`
					Metadata json.RawMessage `json:"metadata"`
				}
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.User != "faultwire-tag" {
					t.Errorf("user %q, %v", in.User, err)
				}
				mu.Lock()
				calls = append(calls, string(in.Metadata))
				mu.Unlock()
				if test.status == 0 || string(in.Metadata) == unmarked && !test.always {
					answer(w, `{"hypothesis": "H."}`)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				if test.header != "" {
					w.Header().Set(test.header, "x")
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.refusal)
			})
			for range 2 {
				if _, err := c.Ask(t.Context(), "faultwire-tag", "s", "m"); (err != nil) != test.always {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(test.calls, calls); diff != "" {
				t.Errorf("metadata of the calls (-want +got): %s", diff)
			}
		})
	}
}
