//go:build unix

package container

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// context writes a context of the docker command, and makes it the current one.
func dockerContext(t *testing.T, folder, name, host string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	meta := filepath.Join(folder, "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(meta, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, v := range map[string]any{
		filepath.Join(meta, "meta.json"): map[string]any{
			"Name": name, "Metadata": map[string]any{}, "Endpoints": map[string]any{"docker": map[string]any{"Host": host, "SkipTLSVerify": false}},
		},
		filepath.Join(folder, "config.json"): map[string]any{"currentContext": name},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dockerContext(t, filepath.Join(home, ".docker"), "colima", "unix:///home/u/.colima/docker.sock")
	const command = "the other end of the docker command"
	for name, c := range map[string]struct {
		env   map[string]string
		want  string
		local bool
	}{
		"default":             {nil, defaultSocket, true},
		"the current context": {map[string]string{"HOME": home}, "/home/u/.colima/docker.sock", true},
		"the default context": {map[string]string{"HOME": home, "DOCKER_CONTEXT": "default"}, defaultSocket, true},
		"another context":     {map[string]string{"HOME": home, "DOCKER_CONTEXT": "prod"}, command, false},
		"DOCKER_HOST":         {map[string]string{"HOME": home, "DOCKER_HOST": "unix:///run/podman/podman.sock"}, "/run/podman/podman.sock", true},
		"tcp":                 {map[string]string{"DOCKER_HOST": "tcp://10.0.0.9"}, "10.0.0.9:2375", false},
		"tcp with TLS":        {map[string]string{"DOCKER_HOST": "tcp://h", "DOCKER_TLS": "1", "HOME": home}, "h:2376", false},
		"ssh":                 {map[string]string{"DOCKER_HOST": "ssh://u@h"}, command, false},
		"a pipe of Windows":   {map[string]string{"DOCKER_HOST": "npipe:////./pipe/docker_engine"}, command, false},
	} {
		got, err := findEndpoint(func(key string) string { return c.env[key] })
		if err != nil || got.address != c.want || got.local != c.local {
			t.Errorf("%s: %s, local %v, %v", name, got.address, got.local, err)
		}
	}
	_, err := findEndpoint(func(key string) string {
		return map[string]string{"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": home}[key]
	})
	if !permanent(err) || !strings.Contains(err.Error(), "Set DOCKER_CERT_PATH") {
		t.Errorf("no certificates: %v", err)
	}
}

// forward lets an engine be reached over TCP.
func forward(t *testing.T, socket string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
			if err != nil {
				_ = from.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				go func() {
					_, _ = io.Copy(way[0], way[1])
					_ = from.Close()
					_ = to.Close()
				}()
			}
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

// Over TCP, and through the docker command where only that knows the way, the
// database is reached by relay alone.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"tcp", "command"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			port, gone := server(t)
			f.state["NetworkSettings"] = map[string]any{"Ports": map[string]any{port + "/tcp": []map[string]string{{"HostPort": port}}}}
			env := map[string]string{"DOCKER_HOST": "tcp://" + forward(t, f.socket)}
			if how == "command" {
				if _, err := lookIn(os.Getenv("PATH"), "docker"); err != nil {
					t.Skip("there is no docker command here") //nolint:forbidigo // Docker is absent
				}
				folder := t.TempDir()
				dockerContext(t, folder, "elsewhere", env["DOCKER_HOST"])
				env = map[string]string{"DOCKER_CONFIG": folder}
			}
			c := New("db", func(key string) string { return env[key] })
			for _, end := range []string{"client", "server"} {
				found, err := c.Find(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				relay(t, found, port, end)
				<-gone
			}
			if _, err := New("other", c.getenv).Find(t.Context()); !permanent(err) || !strings.Contains(err.Error(), "no such container: other. Running are") {
				t.Errorf("%v", err)
			}
		})
	}
	c := New("db", func(key string) string { return map[string]string{"DOCKER_HOST": "ssh://127.0.0.1:1"}[key] })
	if _, err := c.Find(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "postgres.container: ") {
		t.Errorf("%v", err)
	}
}
