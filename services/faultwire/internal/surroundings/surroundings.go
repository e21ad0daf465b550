// Package surroundings looks at what faultwire needs around it besides the
// database and the LLM: a broker or a folder for one, the output folder, an
// address, a time zone. It leaves nothing behind.
package surroundings

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/faultwire/faultwire/pkg/broker"
	"github.com/faultwire/faultwire/pkg/config"
	"github.com/faultwire/faultwire/pkg/doctor"
	"github.com/faultwire/faultwire/pkg/plain"
	"github.com/faultwire/faultwire/pkg/program"
	"github.com/faultwire/faultwire/services/reporter"
)

// Names of the findings.
const (
	Output = "output"
	Broker = "broker"
	HTTP   = "http"
	Zone   = "timezone"
)

const (
	// leastFree is when a disk counts as nearly full.
	leastFree   = 1 << 30
	dialTimeout = 2 * time.Second
)

// LookAtOutput looks whether reports can be written.
func LookAtOutput(dir string) doctor.Finding {
	defer leave(dir)()
	if err := reporter.CheckOutput(dir); err != nil {
		text, fix := halves(strings.TrimPrefix(err.Error(), "output.dir: "))
		return doctor.Fail(Output, fix, "%s", text)
	}
	return space(Output, dir, "is writable", "free some space, or set output.dir (FAULTWIRE_OUTPUT_DIR) to another disk")
}

// space adds how much there is left.
func space(name, dir, text, fix string) doctor.Finding {
	free, err := broker.FreeDisk(dir)
	switch {
	case err != nil:
		return doctor.Warn(name, fix, "%s %s; how much is free there can't be told: %v", dir, text, err)
	case free < leastFree:
		return doctor.Warn(name, fix, "%s %s, and only %s are free there", dir, text, plain.Size(free))
	}
	return doctor.Fine(name, "%s %s, %s free", dir, text, plain.Size(free))
}

// leave removes the folders that a look at dir will have made.
func leave(dir string) func() {
	var made []string
	for path := filepath.Clean(dir); ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) || path == filepath.Dir(path) {
			break
		}
		made = append(made, path)
	}
	return func() {
		for _, path := range made { // not one that has been filled meanwhile
			_ = os.Remove(path)
		}
	}
}

// halves splits a sentence from its remedy.
func halves(text string) (sentence, remedy string) {
	sentence, remedy, _ = strings.Cut(text, ". ")
	remedy = strings.TrimSuffix(strings.TrimPrefix(remedy, "Run: "), ".")
	if remedy != "" {
		remedy = strings.ToLower(remedy[:1]) + remedy[1:]
	}
	return sentence, remedy
}

// LookAtHTTP looks whether http.addr is free, or who has it.
func LookAtHTTP(ctx context.Context, addr string) doctor.Finding {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return doctor.Fail(HTTP, "set http.addr (FAULTWIRE_HTTP_ADDR) to host:port", "%s: %v", addr, err)
	}
	if port == "0" {
		return doctor.Fine(HTTP, "a free port of %s will be taken", host)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return doctor.Fine(HTTP, "%s is free for /metrics and /readyz", addr)
	}
	_ = conn.Close() // it was only to see who is there
	if !isFaultwire(ctx, net.JoinHostPort(host, port)) {
		return doctor.Fail(HTTP, "set http.addr (FAULTWIRE_HTTP_ADDR) to another address, or end the program that has it", "%s is in use by another program", addr)
	}
	if err := program.AskReady(ctx, addr); err != nil {
		return doctor.Warn(HTTP, "see its log", "a faultwire runs on %s: %v", addr, err)
	}
	return doctor.Fine(HTTP, "a faultwire runs on %s, and is ready", addr)
}

// isFaultwire asks for what every program of ours answers.
func isFaultwire(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return false
	}
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy: it is this machine
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16))
	return err == nil && answer.StatusCode == http.StatusOK && string(text) == "ok\n"
}

// LookAtZone says by which clock files are named and periods end.
func LookAtZone(r config.Report, now time.Time) doctor.Finding {
	return doctor.Fine(Zone, "%s, where it is %s now (report.timezone)", r.Timezone, now.In(r.Location()).Format("2006-01-02 15:04"))
}
