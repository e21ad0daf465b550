package container

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	defaultSocket = "/var/run/docker.sock"
	tlsPort       = "2376"
	plainPort     = "2375"
)

// endpoint is where the engine's API is.
type endpoint struct {
	address string // for people
	local   bool   // on this machine, so that its ports are ours
	dial    func(context.Context) (net.Conn, error)
}

// findEndpoint looks where the docker command would: DOCKER_HOST, the context, the
// usual socket. Only the command itself can follow what is neither a socket nor
// TCP (ssh://, a named pipe): it lends us its connection.
func findEndpoint(getenv func(string) string) (endpoint, error) {
	host := getenv("DOCKER_HOST")
	if host == "" {
		host = contextHost(getenv)
	}
	if host == "" && runtime.GOOS != "windows" {
		host = "unix://" + defaultSocket
	}
	u, err := url.Parse(host)
	if err != nil {
		return endpoint{}, &Error{Problem: "DOCKER_HOST can't be read", Permanent: true, Remedy: "Set it to unix:///path or tcp://host:port, or unset it"}
	}
	switch u.Scheme {
	case "unix":
		return endpoint{address: u.Path, local: true, dial: dialer("unix", u.Path, nil)}, nil
	case "tcp", "http", "https":
		return tcpEndpoint(getenv, u)
	}
	return endpoint{
		address: "the other end of the docker command",
		dial:    func(ctx context.Context) (net.Conn, error) { return dialCommand(ctx, getenv) },
	}, nil
}

// contextHost is the engine of the docker command's context, "" for its default.
func contextHost(getenv func(string) string) string {
	folder := cmp.Or(getenv("DOCKER_CONFIG"), filepath.Join(cmp.Or(getenv("HOME"), getenv("USERPROFILE")), ".docker"))
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		var settings struct {
			CurrentContext string `json:"currentContext"`
		}
		readJSON(filepath.Join(folder, "config.json"), &settings)
		name = settings.CurrentContext
	}
	if name == "" || name == "default" {
		return ""
	}
	var meta struct {
		Endpoints struct {
			Docker struct{ Host string } `json:"docker"`
		}
	}
	sum := sha256.Sum256([]byte(name))
	readJSON(filepath.Join(folder, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), &meta)
	if host := meta.Endpoints.Docker.Host; strings.HasPrefix(host, "unix://") {
		return host
	}
	return "context://" // the command knows its keys and tunnels
}

// readJSON leaves v as it is when there is no such file, as the docker command does.
func readJSON(path string, v any) {
	if data, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(data, v)
	}
}

// tcpEndpoint uses TLS where the docker command would, with its files.
func tcpEndpoint(getenv func(string) string, u *url.URL) (endpoint, error) {
	secure := u.Scheme == "https" || getenv("DOCKER_TLS_VERIFY") != "" || getenv("DOCKER_TLS") != ""
	port := plainPort
	if secure {
		port = tlsPort
	}
	e := endpoint{address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))}
	var config *tls.Config
	if secure {
		folder := cmp.Or(getenv("DOCKER_CERT_PATH"), filepath.Join(getenv("HOME"), ".docker"))
		var err error
		if config, err = tlsFiles(folder, getenv("DOCKER_TLS_VERIFY") != ""); err != nil {
			return e, &Error{
				Problem: "Docker's TLS files can't be read: " + err.Error(), Permanent: true, Cause: err,
				Remedy: "Set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem, as for the docker command",
			}
		}
		config.ServerName = u.Hostname()
	}
	e.dial = dialer("tcp", e.address, config)
	return e, nil
}

func tlsFiles(folder string, verify bool) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: !verify} //nolint:gosec // as the docker command has it without DOCKER_TLS_VERIFY
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
	switch {
	case err == nil:
		config.Certificates = []tls.Certificate{pair}
	case !os.IsNotExist(err):
		return nil, err
	}
	roots, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err == nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			err = fmt.Errorf("%s holds no certificate", filepath.Join(folder, "ca.pem"))
		}
	}
	if err != nil && (verify || !os.IsNotExist(err)) {
		return nil, err
	}
	return config, nil
}

func dialer(network, address string, config *tls.Config) func(context.Context) (net.Conn, error) {
	plain := &net.Dialer{Timeout: engineTimeout}
	if config == nil {
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, network, address) }
	}
	secure := &tls.Dialer{NetDialer: plain, Config: config}
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, network, address) }
}
