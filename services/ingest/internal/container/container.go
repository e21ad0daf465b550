package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/faultwire/faultwire/pkg/plain"
)

// Container is a Docker container that a database runs in, or is seen from.
type Container struct {
	name      string
	getenv    func(string) string
	contained func() bool // whether this program runs in a container
}

// New returns the container of a name or an id. getenv gives what the docker
// command goes by: DOCKER_HOST, DOCKER_CONTEXT, HOME and so on. Nothing is looked
// for yet.
func New(name string, getenv func(string) string) *Container {
	return &Container{name: name, getenv: getenv, contained: inContainer}
}

// inContainer reports whether Docker or Podman has marked our file system.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

// Found is a container as it was a moment ago. Its address changes when it is
// started again, so it is looked for before each connection.
type Found struct {
	name    string
	engine  *engine
	id      string
	state   *inspected
	Environ map[string]string // what the image and `docker run` set
}

// Find asks the engine for the running container. Errors are [*Error].
func (c *Container) Find(ctx context.Context) (*Found, error) {
	at, err := findEndpoint(c.getenv)
	if err != nil {
		return nil, err
	}
	e := newEngine(at)
	state, err := e.inspect(ctx, c.name)
	if err != nil {
		if no, ok := errors.AsType[*answer](err); ok && no.Status == http.StatusNotFound {
			return nil, c.missing(ctx, e)
		}
		return nil, c.ours(e, err)
	}
	if !state.State.Running {
		return nil, &Error{
			Problem: fmt.Sprintf("container %s is not running (%s, exit code %d)", c.name, shown(state.State.Status), state.State.ExitCode),
			Remedy:  "Start it: docker start " + c.name,
		}
	}
	f := &Found{name: c.name, engine: e, id: state.ID, state: state, Environ: map[string]string{}}
	for _, pair := range state.Config.Env {
		if key, value, found := strings.Cut(pair, "="); found {
			f.Environ[key] = value
		}
	}
	f.readFiles(ctx)
	return f, nil
}

// readFiles reads the secrets that the official image takes from files: NAME_FILE
// for NAME. One that can't be read is asked for by whoever misses it.
func (f *Found) readFiles(ctx context.Context) {
	for _, name := range []string{"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "POSTGRESQL_PASSWORD"} {
		path := f.Environ[name+"_FILE"]
		if path == "" || f.Environ[name] != "" {
			continue
		}
		if text, err := f.output(ctx, "cat", path); err == nil {
			f.Environ[name] = strings.TrimRight(text, "\r\n")
		}
	}
}

// missing says which containers there are, for the name may be mistyped.
func (c *Container) missing(ctx context.Context, e *engine) error {
	err := &Error{Problem: "no such container: " + c.name, Permanent: true, Remedy: "See `docker ps`"}
	all, failed := e.list(ctx)
	switch {
	case failed != nil:
		return err
	case len(all) == 0:
		err.Remedy = "No container is running; start LiteLLM's, or set DOCKER_HOST if it runs elsewhere"
	default:
		err.Remedy = "Running are " + names(all)
	}
	return err
}

// mostNames is how many containers an error lists.
const mostNames = 20

// names lists containers, those of a PostgreSQL image first.
func names(all []listed) string {
	slices.SortStableFunc(all, func(a, b listed) int { return rank(a) - rank(b) })
	var texts []string
	for _, one := range all[:min(len(all), mostNames)] {
		text := "(without a name)"
		if len(one.Names) > 0 {
			text = plain.Line(strings.TrimPrefix(one.Names[0], "/"), 80)
		}
		texts = append(texts, text+" ("+plain.Line(one.Image, 80)+")")
	}
	if more := len(all) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

func rank(one listed) int {
	for _, word := range []string{"postgres", "pgvector", "postgis", "timescale"} {
		if strings.Contains(one.Image, word) {
			return 0
		}
	}
	return 1
}

// hosts are the names and addresses by which the container knows itself.
func (f *Found) hosts() map[string]bool {
	all := map[string]bool{f.name: true, "localhost": true, "127.0.0.1": true, "::1": true, strings.TrimPrefix(f.state.Name, "/"): true}
	for network := range maps.Values(f.state.NetworkSettings.Networks) {
		for _, name := range append(append(network.Aliases, network.DNSNames...), network.IPAddress) {
			all[name] = true
		}
	}
	return all
}

// shown makes text of an engine or a container fit for one line.
func shown(text string) string { return plain.Line(text, 300) }
