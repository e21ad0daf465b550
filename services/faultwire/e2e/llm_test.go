package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/faultwire/faultwire/pkg/event"
	"github.com/faultwire/faultwire/pkg/sample"
	"github.com/faultwire/faultwire/services/faultwire/internal/standin"
)

// TestLLM: whatever the LLM does, the files are right; the text says why there is
// no explanation.
func TestLLM(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   []string
	}{
		"500": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, `{"error":{"message":"out of order"}}`, http.StatusInternalServerError)
			},
			want: []string{"explanation pending:", "500"},
		},
		"hangs": {
			answer: func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
				<-r.Context().Done()
			},
			want: []string{"explanation pending:", "llm.timeout"},
		},
		"nonsense": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"I am a teapot. 639 auth failures!"},"finish_reason":"stop"}]}`)
			},
			want: []string{"explanation pending:", "no JSON object"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
			text := reportWith(t, server.URL+"/v1")
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%.3000s", want, text)
				}
			}
			if strings.Contains(text, "639") {
				t.Errorf("the LLM's number is in the text:\n%.3000s", text)
			}
		})
	}
}

// TestExplained: class, count and model of the prompt come back in the text.
func TestExplained(t *testing.T) {
	t.Parallel()
	server, err := standin.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := alive(t)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	text := reportWith(t, server.URL())
	for _, want := range []string{"hypothesis (" + standin.Model, "failures of class", "advice"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%.3000s", want, text)
		}
	}
}

// reportWith follows the sample's traffic with an LLM and returns the reports'
// texts; their files are compared.
func reportWith(t *testing.T, url string) string {
	t.Helper()
	s := newScene(t)
	s.more = []string{"FAULTWIRE_LLM_URL=" + url, "FAULTWIRE_LLM_MODEL=m", "FAULTWIRE_LLM_TIMEOUT=3s", "FAULTWIRE_LLM_CALLS_PER_HOUR=1000", "FAULTWIRE_LLM_CALLS_PER_DAY=1000"}
	p := s.follow()
	if err := sample.Insert(t.Context(), s.conn, recent(t)); err != nil {
		t.Fatal(err)
	}
	s.reported(patience)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	var text strings.Builder
	for _, set := range sets(t, s.output) {
		if set.Run == event.RunLive {
			text.WriteString(set.text(t))
		}
	}
	return text.String()
}
