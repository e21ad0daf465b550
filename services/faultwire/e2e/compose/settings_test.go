package compose

import (
	"regexp"
	"strings"
	"testing"

	"github.com/faultwire/faultwire/pkg/config"
)

// notInCompose are the settings that docker-compose.yml decides itself or that say
// nothing there, and why.
func notInCompose(path string) bool {
	switch path {
	case "nats.credentials", "nats.store_dir", // the server is the one of the file
		"llm.api_key_file",        // a file would have to be mounted
		"output.dir", "http.addr": // the image says
		return true
	}
	section, name, _ := strings.Cut(path, ".")
	return section == "replay" || // of the command
		section == "postgres" && name != "url" && name != "schema" // parts of the URL
}

func TestComposeFileHandsOnEverySetting(t *testing.T) {
	t.Parallel()
	text := file(t, "docker-compose.yml")
	given := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ +(FAULTWIRE_\w+):`).FindAllStringSubmatch(text, -1) {
		given[m[1]] = true
	}
	for _, s := range config.Describe() {
		if want := !notInCompose(s.Path); given[s.Env] != want {
			t.Errorf("%s (%s): in docker-compose.yml: %t, want %t", s.Env, s.Path, given[s.Env], want)
		}
		delete(given, s.Env)
	}
	for name := range given {
		t.Errorf("docker-compose.yml sets %s, which is no setting", name)
	}
}

// The image decides by environment where things are. An unknown name there would
// stop every program.
func TestImageSetsSettings(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range config.Describe() {
		known[s.Env] = true
	}
	found := regexp.MustCompile(`FAULTWIRE_\w+`).FindAllString(file(t, "deploy/Dockerfile"), -1)
	if len(found) == 0 {
		t.Error("deploy/Dockerfile sets nothing: does this test still read it right?")
	}
	for _, name := range found {
		if !known[name] {
			t.Errorf("deploy/Dockerfile sets %s, which is no setting", name)
		}
	}
}
