package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	envPrefix   = "FAULTWIRE_"
	databaseURL = "DATABASE_URL"
)

// fromEnv reads FAULTWIRE_SECTION_KEY. An empty variable counts as not set:
// compose files pass ${VAR:-} for what isn't.
func fromEnv(environ map[string]string) (layer, Faults) {
	names := map[string]string{}
	for _, f := range fields() {
		names[f.env()] = f.path
	}
	values, faults := layer{}, Faults(nil)
	for _, env := range slices.Sorted(maps.Keys(environ)) {
		value := environ[env]
		path, known := names[env]
		switch {
		case !strings.HasPrefix(env, envPrefix) || isForeign(env, value):
		case known && value != "":
			values[path] = entry{Text: value, Origin: env, Rank: rankEnv}
		case !known:
			faults = append(faults, Fault{Origin: name(env), Message: unknownEnv(env, slices.Sorted(maps.Keys(names)))})
		}
	}
	return values, faults
}

func unknownEnv(env string, known []string) string {
	path := strings.Replace(strings.ToLower(strings.TrimPrefix(env, envPrefix)), "_", ".", 1)
	near := nearest(env, known)
	if now := renamed(path); now != "" {
		near = field{path: now}.env()
	} else if near == "" {
		if other := nearestSetting(path); other != "" {
			near = field{path: other}.env()
		}
	}
	if near != "" {
		return "unknown setting; did you mean " + near + "?"
	}
	return "unknown setting; variables are named " + envPrefix + "SECTION_KEY, such as " + envPrefix + "REPORT_EVERY: remove it or correct its name"
}

// isForeign reports whether a variable with our prefix is no setting of this
// program: its settings file, the folders of its tools, what docker-compose.yml
// takes, its tests, and what Kubernetes sets in every pod beside a Service named faultwire
// or faultwire-… (FAULTWIRE_PORT=tcp://10.0.0.1:9464, FAULTWIRE_REPORTER_SERVICE_HOST=10.0.0.2).
func isForeign(env, value string) bool {
	switch env {
	case fileEnv, "FAULTWIRE_CACHE", "FAULTWIRE_OUTPUT", "FAULTWIRE_IMAGE":
		return true
	}
	if strings.HasPrefix(env, "FAULTWIRE_TEST_") {
		return true
	}
	kubernetes := regexp.MustCompile(`_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	return kubernetes.MatchString(env) || strings.HasSuffix(env, "_PORT") && strings.Contains(value, "://")
}
