package program

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const readyTimeout = 5 * time.Second

// AskReady asks /readyz of the program that listens on addr (http.addr), and
// returns nil when it is ready: the health check of a container, which has no curl.
func AskReady(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return Usage(fmt.Errorf("http.addr: %w", err))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // every address: this machine's
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Usage(fmt.Errorf("http.addr: %w", err))
	}
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy: it is this machine
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w; is the program running with this http.addr?", url, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s", errNotReady, strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ", "))
	}
	return nil
}
