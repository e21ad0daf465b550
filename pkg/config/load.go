package config

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Need is what a program can't do without.
type Need int

// Needs, to be combined with |.
const (
	NeedPostgres Need = 1 << iota // a database; DATABASE_URL counts only with it
	NeedNATS                      // nats.url: there is no embedded server
)

// Options say where [Load] looks.
type Options struct {
	File    string   // --config; empty = FAULTWIRE_CONFIG, else ./faultwire.yaml if it exists
	Flags   []Flag   // other flags the user gave
	Environ []string // os.Environ(); nil = nothing is set
	Dir     string   // folder that relative paths begin in; empty = the working folder
	Needs   Need
}

// Flag is a setting given on the command line.
type Flag struct {
	Name  string // --output-dir
	Path  string // output.dir
	Value string
}

// Ranks of the sources: the higher one wins.
const (
	rankFile = iota + 1
	rankDatabaseURL
	rankEnv
	rankFlag
)

// entry is the text of a setting and where it came from. The fields are exported
// for koanf, which copies by reflection.
type entry struct {
	Text   string
	Origin string
	Rank   int
}

// layer is what one source says, by path.
type layer map[string]entry

// Load reads the settings from all sources. Its error is [Faults]: everything that
// is wrong, at once.
func Load(o Options) (*Settings, error) {
	l := &loader{options: o, env: environ(o.Environ), settings: Default(), entries: map[string]entry{}, bad: map[string]bool{}}
	l.merge()
	l.values()
	l.contained()
	l.whole()
	l.secrets()
	l.machine()
	c := checker{settings: &l.settings, needs: o.Needs, entries: l.entries, bad: l.bad}
	l.faults = append(l.faults, c.check()...)
	if err := inOrder(l.faults, position).err(); err != nil {
		return nil, err
	}
	return &l.settings, nil
}

type loader struct {
	options  Options
	env      map[string]string
	settings Settings
	entries  map[string]entry // what was set, by path
	bad      map[string]bool  // paths whose value could not be read
	faults   Faults
}

// merge puts the sources over one another, the lowest first.
func (l *loader) merge() {
	file, faults := readFile(l.options)
	l.faults = append(l.faults, faults...)
	env, faults := fromEnv(l.env)
	l.faults = append(l.faults, faults...)
	shared, flags := layer{}, layer{}
	if text := l.env[databaseURL]; text != "" && l.options.Needs&NeedPostgres != 0 {
		shared["postgres.url"] = entry{Text: text, Origin: databaseURL, Rank: rankDatabaseURL}
	}
	if old, set := file["postgres.url"]; set && old.Text != "" && len(shared) > 0 && old.Text != shared["postgres.url"].Text && env["postgres.url"].Text == "" {
		l.warn("%s takes the place of postgres.url in %s; FAULTWIRE_POSTGRES_URL or --postgres-url would win over both", databaseURL, old.Origin)
	}
	for _, f := range l.options.Flags {
		flags[f.Path] = entry{Text: f.Value, Origin: f.Name, Rank: rankFlag}
	}
	k := koanf.New(".")
	for _, source := range []layer{file, shared, env, flags} {
		values := make(map[string]any, len(source))
		for path, e := range source {
			values[path] = e
		}
		if err := k.Load(confmap.Provider(values, "."), nil); err != nil {
			l.faults = append(l.faults, Fault{Message: "merge settings: " + err.Error(), Err: err})
		}
	}
	for path, value := range k.All() {
		if e, ok := value.(entry); ok {
			l.entries[path] = e
		}
	}
}

// values reads every text into its place.
func (l *loader) values() {
	known := map[string]bool{}
	for _, f := range fields() {
		known[f.path] = true
		e, set := l.entries[f.path]
		if !set {
			continue
		}
		if err := f.set(&l.settings, e.Text); err != nil {
			if f.secret() {
				err = fmt.Errorf("can't be read: wanted %s", f.wanted())
			}
			l.bad[f.path] = true
			l.fault(f.path, "%w", err)
		}
	}
	for path, e := range l.entries {
		if !known[path] { // of a flag: the other sources refuse it themselves
			l.faults = append(l.faults, Fault{Origin: e.Origin, Path: name(path), Message: unknownSetting(path)})
		}
	}
}

// secrets reads what stands in files of its own.
func (l *loader) secrets() {
	for _, s := range []struct {
		path string
		file *string
		to   *Secret
	}{
		{"postgres.password", &l.settings.Postgres.PasswordFile, &l.settings.Postgres.Password},
		{"llm.api_key", &l.settings.LLM.APIKeyFile, &l.settings.LLM.APIKey},
	} {
		path := s.path + "_file"
		if *s.file == "" {
			continue
		}
		if *s.to != "" {
			l.fault(path, "set here, and %s too (%s): keep one", s.path, l.entries[s.path].Origin)
			continue
		}
		*s.file = l.options.in(*s.file)
		data, err := readAtMost(*s.file, mostSecret)
		text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		switch {
		case err != nil:
			l.fault(path, "%s: %w; name a file this user can read", shownPath(*s.file), short{err})
		case text == "":
			l.fault(path, "%s is empty: write the secret into it", shownPath(*s.file))
		case strings.ContainsRune(text, 0):
			l.fault(path, "%s holds a NUL byte: write the secret into it as plain text", shownPath(*s.file))
		default:
			*s.to = Secret(text)
		}
	}
}

const mostSecret = 64 << 10 // bytes

// machine fills what depends on the machine and on other settings.
func (l *loader) machine() {
	s := &l.settings
	if _, set := l.entries["llm.enabled"]; !set {
		s.LLM.Enabled = s.LLM.URL != ""
	}
	// The old tool's setting names the whole path of a call.
	s.LLM.URL = strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(s.LLM.URL), "/"), "/chat/completions")
	if s.Report.Timezone == "" {
		tz, set := l.env["TZ"]
		s.Report.Timezone = machineZone(tz, set, etc)
	}
	if s.NATS.StoreDir == "" {
		s.NATS.StoreDir = l.options.stateDir(runtime.GOOS)
	}
	for _, path := range []*string{&s.Output.Dir, &s.NATS.StoreDir, &s.NATS.Credentials, &s.Postgres.SSLRootCert, &s.Postgres.SSLCert, &s.Postgres.SSLKey} {
		if *path != systemRoots {
			*path = l.options.in(*path)
		}
	}
}

func (l *loader) fault(path, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.faults = append(l.faults, Fault{Path: path, Origin: l.entries[path].Origin, Message: err.Error(), Err: err})
}

func (l *loader) warn(format string, args ...any) {
	l.settings.Warnings = append(l.settings.Warnings, fmt.Sprintf(format, args...))
}

// short prints the cause of a file's error without the path, which stands before it.
type short struct{ err error }

func (s short) Error() string { return reason(s.err) }
func (s short) Unwrap() error { return s.err }

func environ(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if key, value, found := strings.Cut(pair, "="); found {
			env[key] = value
		}
	}
	return env
}

func (o Options) getenv(key string) string { return environ(o.Environ)[key] }

// position is a setting's place in the order of the sections.
func position(path string) int {
	for i, f := range fields() {
		if f.path == path {
			return i
		}
	}
	return -1
}
