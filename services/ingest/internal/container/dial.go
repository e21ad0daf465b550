package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// probe is how long an address may take to answer before the next way is tried.
const probe = time.Second

// RelayRoute is the route through a command in the container.
const RelayRoute = "through docker exec"

// Dial connects to host:port as seen from inside the container, and says which way
// it went: at the container's own address, at its published port, or through a
// relay that is run inside it. Another host than the container itself, and an
// engine that isn't on this machine, leave only the relay; so does relayOnly.
// Errors are [*Error], or those of ctx.
func (f *Found) Dial(ctx context.Context, address string, relayOnly bool) (conn net.Conn, route string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", fmt.Errorf("postgres.container: %w", err)
	}
	if f.hosts()[host] {
		host = "127.0.0.1"
		if !relayOnly {
			for _, way := range f.ways(port) {
				d := net.Dialer{Timeout: probe}
				if conn, err := d.DialContext(ctx, "tcp", way.address); err == nil {
					return conn, way.route + " " + way.address, nil
				}
			}
		}
	}
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	conn, err = f.relay(ctx, host, port)
	return conn, RelayRoute, err
}

// way is an address on this machine that leads into the container.
type way struct{ route, address string }

// ways lists those that may work. An engine elsewhere has addresses elsewhere: the
// same ones here would be somebody else's database.
func (f *Found) ways(port string) (all []way) {
	if !f.engine.local {
		return nil
	}
	if runtime.GOOS == "linux" { // elsewhere Docker is in a virtual machine
		if f.state.HostConfig.NetworkMode == "host" {
			all = append(all, way{"at the host's address", net.JoinHostPort("127.0.0.1", port)})
		}
		for _, network := range f.state.NetworkSettings.Networks {
			if network.IPAddress != "" && isOurs(network.Gateway) {
				all = append(all, way{"at its address", net.JoinHostPort(network.IPAddress, port)})
			}
		}
	}
	for _, published := range f.state.NetworkSettings.Ports[port+"/tcp"] {
		host := published.HostIP
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		all = append(all, way{"at its published port", net.JoinHostPort(host, published.HostPort)})
	}
	return all
}

// isOurs reports whether a network's gateway is an interface of this machine. It
// isn't where Docker runs without root or in a virtual machine: there the
// container's address leads nowhere, or to a stranger. A network without a gateway
// is tried.
func isOurs(gateway string) bool {
	if gateway == "" {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	ip := net.ParseIP(gateway)
	for _, a := range addresses {
		if own, ok := a.(*net.IPNet); ok && own.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// noRelay says why no relay could be started.
func (f *Found) noRelay(host, port string, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	text := shown(err.Error())
	no, refused := errors.AsType[*answer](err)
	switch {
	case refused && no.Status == http.StatusConflict:
		return &Error{Problem: "container " + f.name + " stopped meanwhile: " + text, Remedy: "Start it: docker start " + f.name, Cause: err}
	case strings.Contains(text, "executable file not found") || strings.Contains(text, "no such file or directory") && strings.Contains(text, `"sh"`):
		return f.unhelpful("has no sh", err)
	case strings.Contains(text, "none of socat, bash and nc"):
		return f.unhelpful("has none of socat, bash and nc", err)
	}
	return &Error{
		Problem: fmt.Sprintf("no connection to %s in container %s: %s", net.JoinHostPort(host, port), f.name, text),
		Remedy:  "See whether PostgreSQL listens there (docker logs " + f.name + "), or set postgres.port",
		Cause:   err,
	}
}

// unhelpful is an image that a relay can't run in.
func (f *Found) unhelpful(lacks string, err error) error {
	return &Error{
		Problem:   fmt.Sprintf("container %s can't be reached at its address, and its image %s to pass a connection on", f.name, lacks),
		Remedy:    "Publish its port (ports: [\"127.0.0.1:5432:5432\"]) and set postgres.host and postgres.port instead, or run this in a container that joins its network",
		Permanent: true, Cause: err,
	}
}
