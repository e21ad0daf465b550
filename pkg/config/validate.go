package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/redact"
)

const (
	leastWindow = time.Second
	mostWindow  = 15 * time.Minute
	mostEvery   = 24 * time.Hour
)

// Validate returns [Faults] when settings made by hand can't be used. [Load] has
// done it.
func (s Settings) Validate() error {
	c := checker{settings: &s}
	return c.check().err()
}

// checker looks at values that could be read.
type checker struct {
	settings *Settings
	needs    Need
	entries  map[string]entry
	bad      map[string]bool // already at fault
	faults   Faults
}

func (c *checker) check() Faults {
	c.postgres()
	c.nats()
	c.ingest()
	c.analyzer()
	c.llm()
	c.report()
	c.replay()
	c.output()
	c.http()
	return c.faults
}

// fault records what is wrong with the setting, unless that is known already.
func (c *checker) fault(path, format string, args ...any) {
	if c.bad[path] {
		return
	}
	if c.bad == nil {
		c.bad = map[string]bool{}
	}
	c.bad[path] = true
	c.faults = append(c.faults, Fault{Path: path, Origin: c.entries[path].Origin, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) postgres() {
	p := c.settings.Postgres
	conn, _, faults := p.connection()
	for _, f := range faults {
		c.fault(f.Path, "%s", f.Message)
	}
	if strings.Contains(p.Host, "://") || strings.Contains(p.Host, "@") {
		c.fault("postgres.host", "found a URL: wanted a host name or address; a URL belongs in postgres.url")
	}
	if p.Container != "" && !isContainer(p.Container) {
		c.fault("postgres.container", "found %s: wanted the name or the id of a Docker container, as docker ps shows it", shown(p.Container))
	}
	if p.Container != "" && strings.HasPrefix(conn.host, "/") {
		c.fault("postgres.host", "found a folder: inside a container only a host name or address can be reached; leave it out for the container itself")
	}
	if p.Port < 0 || p.Port > 65535 {
		c.fault("postgres.port", "found %d: wanted 1 to 65535", p.Port)
	}
	if p.Schema == "" || len(p.Schema) > 63 {
		c.fault("postgres.schema", "found %s: wanted the name of a schema, such as public", shown(p.Schema))
	}
	if c.needs&NeedPostgres != 0 && !c.bad["postgres.url"] {
		faults := conn.certificates()
		if p.Container == "" {
			faults = append(faults, conn.missing()...)
		}
		for _, f := range faults {
			c.fault(f.Path, "%s", f.Message)
		}
	}
}

func (c *checker) nats() {
	n := c.settings.NATS
	switch {
	case n.URL != "":
		if err := checkNATS(n.URL.Reveal()); err != nil {
			c.fault("nats.url", "%s", err)
		}
	case c.needs&NeedNATS != 0:
		c.fault("nats.url", "empty: set it (FAULTWIRE_NATS_URL) to a NATS server with JetStream, such as nats://localhost:4222, "+
			"or run `faultwire run`, which brings its own")
	case n.StoreDir == "" && c.entries != nil:
		c.fault("nats.store_dir", "empty, and this user has no home folder to put it in (HOME is not set): set it (FAULTWIRE_NATS_STORE_DIR)")
	}
	if n.Replicas < 1 || n.Replicas > 5 {
		c.fault("nats.replicas", "found %d: wanted 1 to 5", n.Replicas)
	}
}

// checkNATS looks at a list of URLs as nats.go takes it. Errors quote none of it.
func checkNATS(text string) error {
	const wanted = "wanted nats://host:4222 or tls://host:4222, several with commas"
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil {
			return fmt.Errorf("can't be read: %s; percent-encode special characters of user and password", wanted)
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("found a URL of another kind: %s", wanted)
		}
		if u.Hostname() == "" {
			return fmt.Errorf("has no host: %s", wanted)
		}
	}
	return nil
}

func (c *checker) ingest() {
	i := c.settings.Ingest
	if i.History < 0 {
		c.fault("ingest.history", "found %s: wanted 0 or more, such as 168h", i.History)
	}
	c.postgresName("ingest.publication", i.Publication)
	c.postgresName("ingest.slot", i.Slot)
	var bad []string
	for _, pattern := range i.RedactPatterns {
		if _, err := redact.Compile(pattern); err != nil {
			bad = append(bad, fmt.Sprintf("found %s: %s", shown(pattern), err))
		}
	}
	if bad != nil {
		c.fault("ingest.redact_patterns", "%s", strings.Join(bad, "; "))
	}
	for _, name := range i.RedactNames {
		if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_. -]{1,61}[A-Za-z0-9]$`).MatchString(name) {
			c.fault("ingest.redact_names", "found %s: wanted 3 to 63 of a-z, 0-9, _, - and ., such as x-corp-auth", shown(name))
		}
	}
}

// postgresName checks what Postgres allows for a slot; a publication could be
// named more freely.
func (c *checker) postgresName(path, value string) {
	if !regexp.MustCompile(`^[a-z0-9_]{1,63}$`).MatchString(value) {
		c.fault(path, "found %s: wanted 1 to 63 of a-z, 0-9 and _, such as faultwire", shown(value))
	}
}

func (c *checker) analyzer() {
	w := c.settings.Analyzer.Window
	if w < leastWindow || w > mostWindow || w%time.Second != 0 || mostWindow%w != 0 {
		c.fault("analyzer.window", "found %s: wanted 1s to 15m, a divisor of 15m, such as 30s, 1m, 3m, 5m or 15m", duration(w))
	}
}

func (c *checker) report() {
	r, window := c.settings.Report, c.settings.Analyzer.Window
	switch {
	case c.bad["analyzer.window"]: // what it must be a multiple of isn't known
	case r.Every <= 0 || r.Every > mostEvery || r.Every%window != 0:
		c.fault("report.every", "found %s: wanted a multiple of analyzer.window (%s), at most 24h, such as %s", duration(r.Every), duration(window), exampleEvery(window))
	}
	if !isZone(r.Timezone) && (r.Timezone != "" || c.entries != nil) {
		c.fault("report.timezone", "found %s: wanted an IANA name such as Asia/Shanghai, Europe/Berlin or UTC", shown(r.Timezone))
	}
}

func exampleEvery(window time.Duration) string {
	if time.Hour%window == 0 {
		return "1h or 24h"
	}
	return duration(window)
}

func (c *checker) llm() {
	l := c.settings.LLM
	if l.URL != "" {
		u, err := url.Parse(l.URL)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
			c.fault("llm.url", "found no http:// or https:// URL: wanted one such as http://localhost:4000/v1")
		case u.User != nil:
			c.fault("llm.url", "holds a user or a password: put the key into llm.api_key")
		}
	}
	if l.Enabled && l.URL == "" {
		c.fault("llm.url", "empty, but llm.enabled is true: set it (FAULTWIRE_LLM_URL) to an OpenAI-compatible API such as http://localhost:4000/v1, or set llm.enabled: false")
	}
	if l.Enabled && l.URL != "" && l.Model == "" {
		c.fault("llm.model", "empty, but there is an llm.url: set it (FAULTWIRE_LLM_MODEL) to a model that API serves, or set llm.enabled: false")
	}
	if l.Timeout <= 0 {
		c.fault("llm.timeout", "found %s: wanted more than 0, such as 300s", duration(l.Timeout))
	}
	c.notNegative("llm.calls_per_hour", l.CallsPerHour)
	c.notNegative("llm.calls_per_day", l.CallsPerDay)
}

func (c *checker) replay() {
	r := c.settings.Replay
	if r.Days < 1 {
		c.fault("replay.days", "found %d: wanted 1 or more; for all rows set replay.time_filter: false", r.Days)
	}
	c.notNegative("replay.limit", r.Limit)
	if r.Start != nil && r.End != nil && r.End.Before(*r.Start) {
		c.fault("replay.end", "found %s, before replay.start %s: swap them", r.End.Format(time.DateTime), r.Start.Format(time.DateTime))
	}
}

func (c *checker) output() {
	if c.settings.Output.Dir == "" {
		c.fault("output.dir", "empty: set it to a folder such as ./output (FAULTWIRE_OUTPUT_DIR)")
	}
	c.notNegative("output.max_rows", c.settings.Output.MaxRows)
}

func (c *checker) http() {
	addr := c.settings.HTTP.Addr
	_, port, err := net.SplitHostPort(addr)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
		c.fault("http.addr", "found %s: wanted host:port such as 127.0.0.1:9464, or :9464 for every address", shown(addr))
	}
}

func (c *checker) notNegative(path string, n int) {
	if n < 0 {
		c.fault(path, "found %d: wanted 0 or more", n)
	}
}
