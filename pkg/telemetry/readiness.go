package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// readyTimeout bounds one answer of /readyz; probes usually wait longer.
const readyTimeout = 3 * time.Second

// Readiness is the checks behind /readyz. A check tells whether there is progress,
// not whether a socket is open.
type Readiness struct {
	mu     sync.Mutex
	checks []check
}

type check struct {
	name string
	run  func(context.Context) error
}

// NewReadiness makes one without checks, which is ready.
func NewReadiness() *Readiness { return &Readiness{} }

// Add adds a check: nil = ready. It may be called at any time. The check is called
// for every request of /readyz, together with others of the kind; it must return
// when its context ends, 3 s later at most.
func (r *Readiness) Add(name string, run func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, check{name: name, run: run})
}

// ServeHTTP answers 200 when all is ready, else 503, with a line for each check:
// "name: ok" or "name: what is wrong".
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), readyTimeout)
	defer cancel()
	status, lines := http.StatusOK, &strings.Builder{}
	for _, a := range r.ask(ctx) {
		text := "ok"
		if a.err != nil {
			status = http.StatusServiceUnavailable
			text = strings.Join(strings.Fields(a.err.Error()), " ")
		}
		fmt.Fprintf(lines, "%s: %s\n", a.name, text)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprint(w, lines)
}

type answer struct {
	name string
	err  error
}

// ask runs all checks at once and returns the answers in the order of Add.
func (r *Readiness) ask(ctx context.Context) []answer {
	r.mu.Lock()
	checks := slices.Clip(r.checks)
	r.mu.Unlock()
	pending := make([]chan error, len(checks))
	for i, c := range checks {
		pending[i] = make(chan error, 1)
		go func() { pending[i] <- c.run(ctx) }()
	}
	answers := make([]answer, 0, len(checks))
	for i, c := range checks {
		answers = append(answers, answer{name: c.name, err: await(ctx, pending[i])})
	}
	return answers
}

func await(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select { // both may have been there
	case err := <-result:
		return err
	default:
		return errNoAnswer
	}
}
