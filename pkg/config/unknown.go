package config

import (
	"strings"
)

// unknownSection says what a name that is no section may have meant.
func unknownSection(word string) string {
	for _, f := range fields() {
		if f.path == word {
			section, key, _ := strings.Cut(word, ".")
			return "unknown section; write " + key + ": indented below " + section + ":"
		}
	}
	if near := renamed(word); near != "" {
		return "unknown section; did you mean " + near + "?"
	}
	if near := nearest(word, sections()); near != "" {
		return "unknown section; did you mean " + near + "?"
	}
	return "unknown section; there are " + strings.Join(sections(), ", ")
}

// unknownSetting says what a path that is no setting may have meant: an old name,
// the same key in another section, or the nearest path.
func unknownSetting(path string) string {
	if near := nearestSetting(path); near != "" {
		return "unknown setting; did you mean " + near + "?"
	}
	section, _, _ := strings.Cut(path, ".")
	var keys []string
	for _, f := range fields() {
		if key, found := strings.CutPrefix(f.path, section+"."); found {
			keys = append(keys, key)
		}
	}
	return "unknown setting; " + section + " has " + strings.Join(keys, ", ")
}

func nearestSetting(path string) string {
	if now := renamed(path); now != "" {
		return now
	}
	all := fields()
	section, key, _ := strings.Cut(path, ".")
	var own, others []string
	for _, f := range all {
		if ownKey, found := strings.CutPrefix(f.path, section+"."); found {
			own = append(own, ownKey)
		}
		if strings.HasSuffix(f.path, "."+key) {
			return f.path
		}
		others = append(others, f.path)
	}
	if near := nearest(key, own); near != "" {
		return section + "." + near
	}
	return nearest(path, others)
}

// renamed knows the names of the Python tool that faultwire replaces.
func renamed(path string) string {
	switch path {
	case "query":
		return "replay"
	case "postgres.container_name":
		return "postgres.container"
	case "postgres.dbname", "postgres.db":
		return "postgres.database"
	case "postgres.username":
		return "postgres.user"
	case "llm.api_url", "llm.base_url":
		return "llm.url"
	case "output.output_dir":
		return "output.dir"
	case "replay.start_time":
		return "replay.start"
	case "replay.end_time":
		return "replay.end"
	case "replay.key_name":
		return "replay.key"
	case "replay.days_back":
		return "replay.days"
	case "replay.use_time_filter":
		return "replay.time_filter"
	}
	return ""
}
